import type { PictureLimits } from '../../limits.ts';
import { createProcessPool } from '../../process-pool.ts';
import type { PictureJob, PictureMessage, PictureOrder, RecognisedPage, Sight } from './picture.ts';

export interface PicturePool {
  /** Looks at the file at `path` in a process of its own, which ends with `signal`. Never rejects for what the file does. */
  look(path: string, job: PictureJob, signal: AbortSignal): Promise<Sight>;
  close(): Promise<void>;
}

/** The caller bounds how many look at once. */
export function createPicturePool(limits: PictureLimits, languages: readonly string[]): PicturePool {
  const processes = createProcessPool<PictureOrder, PictureMessage>(
    new URL('./picture-process.ts', import.meta.url),
    limits,
  );

  return {
    async look(path, job, signal) {
      const pages: RecognisedPage[] = [];
      let seen: Pick<Sight, 'image' | 'refusal'> = {};
      const onMessage = (message: PictureMessage) => {
        if ('done' in message) return true;
        if ('recognised' in message) pages.push(message.recognised);
        else seen = { ...seen, ...message };
        return false;
      };
      const order = { job, path, limits, languages };
      const end = await processes.run(order, { milliseconds: job.milliseconds, signal, onMessage });
      return { ...seen, pages, end };
    },
    close: () => processes.close(),
  };
}
