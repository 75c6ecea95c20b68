import { parentPort, workerData } from 'node:worker_threads';
import type { ReadingLimits } from '../limits.ts';
import type { Look, Sight } from './pictures/picture.ts';
import { readDocument } from './read-document.ts';

/** One reading thread: a hostile document takes down this thread and nothing else. */

const limits: ReadingLimits = workerData;
let answer: (sight: Sight) => void = () => undefined;

const look: Look = (job) =>
  new Promise((resolve) => {
    answer = resolve;
    parentPort?.postMessage({ look: job });
  });

parentPort?.on('message', async (order: { path: string; name: string } | { sight: Sight }) => {
  if ('sight' in order) return answer(order.sight);
  try {
    const onType = (contentType: string) => parentPort?.postMessage({ contentType });
    parentPort?.postMessage({ response: await readDocument(order.path, order.name, limits, onType, look) });
  } catch (error) {
    parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
