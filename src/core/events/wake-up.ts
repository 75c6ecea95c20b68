import { z } from 'zod';
import { describeError, type Logger } from '../telemetry/logger.ts';
import { currentTraceparent } from '../telemetry/tracer.ts';

/** The producer side of a queue binding. */
export interface Queue {
  send(message: unknown): Promise<unknown>;
}

export const queueSchema = z.custom<Queue>(
  (value) => typeof value === 'object' && value !== null && 'send' in value,
  'must be a queue binding',
);

/**
 * Tells whoever reads the outbox that there is something new. It carries nothing and may be lost: the reader's
 * cron looks too, and what to do is in the outbox.
 */
export type WakeUp = (requestId: string) => Promise<void>;

export function createQueueWakeUp(queue: Queue, logger: Logger): WakeUp {
  return async (requestId) => {
    try {
      await queue.send({ type: 'outbox.written', requestId, traceparent: currentTraceparent() });
    } catch (error) {
      logger.warn('wake-up not sent; the next cron run will find the event', {
        requestId,
        error: describeError(error),
      });
    }
  };
}
