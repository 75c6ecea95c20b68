import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReadResponse } from '../../contracts/sidecar.ts';
import { type ReadingLimits, readingLimits } from '../limits.ts';
import { readDocument } from '../reading/read-document.ts';

type Content = string | Uint8Array;

/** Reads what would have been uploaded under that name, in this thread. */
export async function readContent(
  content: Content,
  name = 'document',
  limits: ReadingLimits = readingLimits,
): Promise<ReadResponse> {
  const folder = await mkdtemp(join(tmpdir(), 'acs-read-test-'));
  try {
    const path = join(folder, 'object');
    await writeFile(path, content);
    return await readDocument(path, name, limits);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export type ReadText = Extract<ReadResponse, { status: 'read' }> & { text: string };

/** Of what can be read: the answer, and its text in one piece. */
export async function readText(content: Content, name?: string, limits?: ReadingLimits): Promise<ReadText> {
  const answer = await readContent(content, name, limits);
  if (answer.status !== 'read') throw new Error(`${answer.status}: ${answer.reason}`);
  return { ...answer, text: answer.chunks.map(({ text }) => text).join('\n') };
}

/** What reading it took of this process: seconds of CPU, and megabytes that its memory grew by. */
export async function measureRead(content: Content, name?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'acs-read-test-'));
  try {
    const path = join(folder, 'object');
    await writeFile(path, content);
    // What is loaded once is no cost of this document.
    await readDocument(path, name ?? 'document', readingLimits);
    const cpu = process.cpuUsage();
    const before = process.memoryUsage.rss();
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 5);
    const answer = await readDocument(path, name ?? 'document', readingLimits);
    clearInterval(watch);
    const { user, system } = process.cpuUsage(cpu);
    const grown = Math.max(most, process.memoryUsage.rss()) - before;
    return { answer, cpuSeconds: (user + system) / 1e6, grownMegabytes: grown / 1e6 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
