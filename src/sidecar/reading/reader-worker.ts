import { parentPort, workerData } from 'node:worker_threads';
import type { ReadingLimits } from '../limits.ts';
import { readDocument } from './read-document.ts';

/** One reading thread: a hostile document takes down this thread and nothing else. */

const limits: ReadingLimits = workerData;

parentPort?.on('message', async ({ path, name }: { path: string; name: string }) => {
  try {
    const onType = (contentType: string) => parentPort?.postMessage({ contentType });
    parentPort?.postMessage({ response: await readDocument(path, name, limits, onType) });
  } catch (error) {
    parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
