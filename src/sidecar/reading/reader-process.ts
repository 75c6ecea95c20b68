import type { ReadResponse } from '../../contracts/sidecar.ts';
import type { ReadingLimits } from '../limits.ts';
import { endWithParent } from '../process-lifeline.ts';
import type { Look, PictureJob, Sight } from './pictures/picture.ts';
import { readDocument } from './read-document.ts';

/** One reading process: a hostile document takes down this process and nothing else. */

export interface ReaderOrder {
  path: string;
  name: string;
  limits: ReadingLimits;
}
export type ReaderMessage =
  | { contentType: string }
  /** Of the document that is being read; the answer is a `{ sight }`. */
  | { look: PictureJob }
  | { response: ReadResponse }
  | { error: true };

let answer: (sight: Sight) => void = () => undefined;
const send = (message: ReaderMessage) => process.send?.(message);

const look: Look = (job) =>
  new Promise((resolve) => {
    answer = resolve;
    send({ look: job });
  });

process.on('message', async (order: ReaderOrder | { sight: Sight }) => {
  if ('sight' in order) return answer(order.sight);
  const { path, name, limits } = order;
  try {
    const onType = (contentType: string) => send({ contentType });
    send({ response: await readDocument(path, name, limits, onType, look) });
  } catch {
    send({ error: true });
  }
});
endWithParent();
