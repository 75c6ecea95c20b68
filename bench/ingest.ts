import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { z } from 'zod';
import { makeZip } from '../src/sidecar/testing/archives.ts';
import { makeDocx, makePdf } from '../src/sidecar/testing/documents.ts';
import { makeEmail } from '../src/sidecar/testing/mail.ts';
import { makeEpub, makeOdt, makePptx, makeXlsx } from '../src/sidecar/testing/office-documents.ts';
import { makeScannedPdf } from '../src/sidecar/testing/scans.ts';
import { type Environment, withEnvironment } from './environment.ts';
import type { BenchResult } from './result.ts';
import { makeText, readVocabulary } from './search.ts';
import { upload } from './transfer.ts';

/**
 * A folder of a hundred files of thirteen formats, uploaded four at a time, until every one of them is searchable; and
 * what all processes of the product (Workers, database, stand-ins, sidecar and its readers) took of the processor.
 */

const AT_ONCE = 4;
const POLL_MS = 100;
const LIMIT_MS = 600_000;
/** `USER_HZ` of Linux. */
const TICKS_PER_SECOND = 100;

const searchSchema = z.object({ coverage: z.object({ indexed: z.number(), pending: z.number() }) });

interface Sample {
  name: string;
  content: Uint8Array;
}

export function run(): Promise<BenchResult[]> {
  return withEnvironment('split', async (environment) => {
    const vocabulary = await readVocabulary();
    const files = await makeFolder((words, seed) => makeText(vocabulary, words, seed));
    await ingest(
      environment,
      [{ name: 'warm-up.md', content: Buffer.from('The first one loads the model.') }],
      1,
    );
    const [cpuBefore, startedAt] = [await cpuSeconds(), performance.now()];
    await ingest(environment, files, files.length + 1);
    const seconds = (performance.now() - startedAt) / 1_000;
    const cpu = (await cpuSeconds()) - cpuBefore;
    return [
      {
        name: `ingest of ${files.length} mixed files`,
        ours: (files.length / seconds) * 60,
        unit: 'files/min',
      },
      { name: '  processor time of a file', ours: cpu / files.length, unit: 's' },
      { name: '  cores in use meanwhile', ours: cpu / seconds, unit: 'cores' },
    ];
  });
}

async function makeFolder(text: (words: number, seed: string) => string): Promise<Sample[]> {
  const paragraphs = (words: number, seed: string) => text(words, seed).split('\n\n');
  const bytes = (content: string) => Buffer.from(content);
  const makers: readonly [
    extension: string,
    count: number,
    make: (seed: string) => Uint8Array | Promise<Uint8Array>,
  ][] = [
    ['md', 22, (seed) => bytes(text(800, seed))],
    ['txt', 12, (seed) => bytes(text(400, seed))],
    [
      'html',
      12,
      (seed) => bytes(`<html><body><p>${paragraphs(800, seed).join('</p><p>')}</p></body></html>`),
    ],
    ['csv', 8, (seed) => bytes(text(400, seed).replaceAll(' ', ',').replaceAll('.', '\n'))],
    ['json', 6, (seed) => bytes(JSON.stringify({ notes: paragraphs(300, seed) }))],
    ['eml', 6, (seed) => bytes(makeEmail({ headers: [`Subject: ${seed}`], text: text(200, seed) }))],
    [
      'pdf',
      12,
      (seed) =>
        makePdf({ pages: Array.from({ length: 10 }, (_, page) => linesOf(text(300, `${seed} ${page}`))) }),
    ],
    ['docx', 8, (seed) => makeDocx(paragraphs(1_500, seed))],
    ['odt', 3, (seed) => makeOdt(paragraphs(800, seed))],
    [
      'xlsx',
      3,
      (seed) => makeXlsx([{ name: 'Sheet', rows: paragraphs(800, seed).map((row) => row.split(' ')) }]),
    ],
    [
      'pptx',
      2,
      (seed) => makePptx(paragraphs(800, seed).map((paragraph) => ({ title: seed, lines: [paragraph] }))),
    ],
    ['epub', 2, (seed) => makeEpub(paragraphs(2_000, seed))],
    ['zip', 1, (seed) => makeZip({ 'notes.txt': bytes(text(50, seed)) })],
    [
      'jpg',
      2,
      () =>
        sharp({ create: { width: 4_000, height: 3_000, channels: 3, background: '#4477aa' } })
          .jpeg()
          .toBuffer(),
    ],
    ['scan.pdf', 1, (seed) => makeScannedPdf([{ scan: linesOf(text(60, seed)) }])],
  ];
  const files: Sample[] = [];
  for (const [extension, count, make] of makers) {
    for (let n = 0; n < count; n += 1) {
      const name = `${extension.replace('.', '-')}-${n}.${extension}`;
      files.push({ name, content: await make(name) });
    }
  }
  return files;
}

const linesOf = (text: string): string[] => text.match(/.{1,70}(?:\s|$)/g) ?? [];

/** Until the library has `total` files that are searchable, and none is waiting. */
async function ingest(environment: Environment, files: readonly Sample[], total: number): Promise<void> {
  const { stack, accessToken } = environment;
  const headers = { authorization: `Bearer ${accessToken}` };
  const queue = files.values();
  const sender = async () => {
    for (const { name, content } of queue)
      await upload(`${stack.url}/v1/files?name=${name}`, 'POST', Buffer.from(content), headers);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  const until = performance.now() + LIMIT_MS;
  while (performance.now() < until) {
    const response = await fetch(`${stack.url}/v1/search?mode=keyword&q=anything`, { headers });
    const { coverage } = searchSchema.parse(await response.json());
    if (coverage.pending === 0 && coverage.indexed >= total) return;
    await sleep(POLL_MS);
  }
  throw new Error(`not all of ${total} files were searchable within ${LIMIT_MS} ms`);
}

/** Of this process and all below it, those that have ended included. */
async function cpuSeconds(): Promise<number> {
  const processes = new Map<number, { parent: number; ticks: number }>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    // Behind the name, which may have anything in it: state, parent, …, and times as fields 14 to 17 of proc(5).
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + field, 0);
    if (stat !== '') processes.set(Number(entry), { parent: fields[1] ?? 0, ticks });
  }
  const isOurs = (pid: number): boolean => {
    const parent = processes.get(pid)?.parent;
    return pid === process.pid || (parent !== undefined && parent > 1 && isOurs(parent));
  };
  let ticks = 0;
  for (const [pid, entry] of processes) if (isOurs(pid)) ticks += entry.ticks;
  return ticks / TICKS_PER_SECOND;
}
