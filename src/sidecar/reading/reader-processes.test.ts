import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { signServiceToken } from '../../core/security/service-token.ts';
import { makePdf, makePdfBomb } from '../testing/documents.ts';
import { makeXlsx } from '../testing/office-documents.ts';
import { startTestSidecar, type TestSidecar } from '../testing/sidecar.ts';

const SECRET = 'a secret of the test that is long enough';
const files = new Map<string, Uint8Array>();
let store: TestSidecar;
let sidecar: ChildProcess;
let url = '';

/** Rows that no limit cuts, because their ends are not written as Excel writes them. */
function makeHugeWorkbook(): Uint8Array {
  const rows = Array.from({ length: 3_000_000 }, (_, i) => `<row><c t="n"><v>${i}</v></c></row >`);
  const sheet = Buffer.from(`<worksheet><sheetData>${rows.join('')}</sheetData></worksheet>`);
  return makeXlsx([{ name: 'S', rows: [['x']] }], { 'xl/worksheets/sheet1.xml': sheet });
}

async function startSidecar(): Promise<void> {
  sidecar = spawn(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      SERVICE_TOKEN_SECRET: SECRET,
      S3_ENDPOINT: store.storeUrl,
      MODEL_SOURCES: 'local',
      EXIT_WITH_PARENT: '1',
    },
  });
  const [line] = await once(sidecar.stdout ?? sidecar, 'data');
  url = `http://127.0.0.1:${JSON.parse(String(line)).port}`;
}

beforeAll(async () => {
  store = await startTestSidecar();
  store.answer((request, response) => response.end(files.get(request.url?.split('?')[0] ?? '')));
  files.set('/b/huge.xlsx', makeHugeWorkbook());
  files.set('/b/bomb.pdf', makePdfBomb(400_000_000));
  files.set('/b/broken.pdf', makePdf({ pages: [['x']] }).subarray(0, 300));
  files.set('/b/good.txt', Buffer.from('The freezer is full of samples.'));
  await startSidecar();
});
afterAll(async () => {
  sidecar.kill('SIGKILL');
  await store.close();
});

async function read(name: string): Promise<{ status: string; reason?: string }> {
  for (;;) {
    const response = await fetch(`${url}/v1/read`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await signServiceToken(SECRET, 'ai', 'sidecar', new Date())}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        url: `${store.storeUrl}/b/${name}?s=1`,
        size: files.get(`/b/${name}`)?.length,
        name,
        contentType: 'application/octet-stream',
      }),
    });
    if (response.status !== 429) return JSON.parse(await response.text());
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

async function residentMebibytes(): Promise<number> {
  const status = await readFile(`/proc/${sidecar.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

/** Reading processes that the sidecar has started, as they have it among their arguments. */
async function readers(of = sidecar.pid): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await readdir('/proc')) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(`reader-process.ts\0${of}\0`)) found.push(Number(pid));
  }
  return found;
}

it('a workbook of 7 MB that takes all memory ends its own process only', { timeout: 120_000 }, async () => {
  await read('good.txt');
  const before = await residentMebibytes();
  let most = before;
  const watch = setInterval(async () => {
    most = Math.max(most, await residentMebibytes());
  }, 20);
  const [huge, good] = await Promise.all([read('huge.xlsx'), read('good.txt')]);
  clearInterval(watch);
  expect(huge).toMatchObject({ status: 'failed', reason: expect.stringContaining('memory') });
  expect(good.status).toBe('read');
  expect(most - before).toBeLessThan(100);
  expect(sidecar.exitCode ?? sidecar.signalCode).toBeNull();
});

it('ten good files among fifty hostile ones are read', { timeout: 400_000 }, async () => {
  const hostile = Array.from({ length: 50 }, (_, i) => (i % 10 === 0 ? 'bomb.pdf' : 'broken.pdf'));
  const names = hostile.flatMap((name, i) => (i % 5 === 0 ? [name, 'good.txt'] : [name]));
  const answers = await Promise.all(names.map(async (name) => ({ name, ...(await read(name)) })));
  const statuses = (of: string) => answers.filter(({ name }) => name === of).map(({ status }) => status);
  expect(statuses('good.txt')).toEqual(Array(10).fill('read'));
  expect(new Set([...statuses('bomb.pdf'), ...statuses('broken.pdf')])).not.toContain('read');
});

it('a document that ends its process each time has failed, with the reason', {
  timeout: 60_000,
}, async () => {
  let isOver = false;
  const killing = (async () => {
    while (!isOver) {
      for (const pid of await readers()) process.kill(pid, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const answer = await read('huge.xlsx').finally(() => {
    isOver = true;
  });
  await killing;
  expect(answer).toMatchObject({ status: 'failed', reason: expect.stringContaining('stopped unexpectedly') });
});

it('nothing is left of a sidecar that is killed while it reads', { timeout: 60_000 }, async () => {
  const objects = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('acs-object-'));
  const before = new Set(await objects());
  const reading = read('huge.xlsx').catch(() => undefined);
  onTestFinished(() => void reading);
  await expect.poll(() => readers(), { timeout: 10_000 }).not.toHaveLength(0);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  sidecar.kill('SIGKILL');
  await expect.poll(() => readers(), { timeout: 3_000 }).toEqual([]);
  expect((await objects()).filter((name) => !before.has(name))).toEqual([]);
});
