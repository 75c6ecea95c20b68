import type { ExecutionContext, MessageBatch, ScheduledController } from '@cloudflare/workers-types';

/**
 * What a door may use of the runtime's context. The monolith has to provide it for its siblings, so it is no
 * more than a module needs.
 */
export type EdgeContext = Pick<ExecutionContext, 'waitUntil' | 'passThroughOnException' | 'props'>;

/**
 * A door: what a module (or the gateway) is to the runtime and to its siblings. A function exports it as it is,
 * so that the same door is a Worker of its own in `split` and a call in process in `monolith`.
 */
export interface EdgeModule {
  fetch(request: Request, env: object, ctx: EdgeContext): Response | Promise<Response>;
  /** Wake-ups from the queue; a message that throws comes again. */
  queue?(batch: MessageBatch, env: object, ctx: EdgeContext): Promise<void>;
  /** Cron. */
  scheduled?(controller: ScheduledController, env: object, ctx: EdgeContext): Promise<void>;
}
