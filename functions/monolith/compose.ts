import type { EdgeContext, EdgeModule } from '../../src/core/http/edge-module.ts';

export interface Doors {
  readonly gateway: EdgeModule;
  readonly auth: EdgeModule;
  readonly storage: EdgeModule;
  readonly ai: EdgeModule;
}

/**
 * Puts all doors behind the gateway's, in one Worker. The siblings are bound by a bindings object that closes over
 * them, and called by `fetch` as over a service binding (`app.route()` would drop a sub-app's notFound).
 *
 * @param waitUntil that of the request being served, whichever it is (`cloudflare:workers`): bindings live as long
 *   as the isolate, so they must not hold on to the context of the request that made them.
 */
export function composeDoors(doors: Doors, waitUntil: EdgeContext['waitUntil']): EdgeModule {
  const composed = new WeakMap<object, object>();
  const siblingContext: EdgeContext = { waitUntil, passThroughOnException: () => {}, props: {} };

  // One object per env: modules keep their services by the identity of their bindings.
  function compose(env: object): object {
    const known = composed.get(env);
    if (known) return known;
    const bindings: Record<string, unknown> = { ...env };
    const bind = (door: EdgeModule) => ({
      fetch: async (input: Request | string, init?: RequestInit) =>
        door.fetch(asRequest(input, init), bindings, siblingContext),
    });
    Object.assign(bindings, { AUTH: bind(doors.auth), STORAGE: bind(doors.storage), AI: bind(doors.ai) });
    composed.set(env, bindings);
    return bindings;
  }

  return {
    fetch: (request, env, ctx) => doors.gateway.fetch(request, compose(env), ctx),
    async queue(batch, env, ctx) {
      // A message that nobody takes must not be acknowledged.
      if (!doors.ai.queue) throw new Error('the AI module takes no queue messages');
      await doors.ai.queue(batch, compose(env), ctx);
    },
    async scheduled(controller, env, ctx) {
      const runs = Object.values(doors).map((door: EdgeModule) =>
        door.scheduled?.(controller, compose(env), ctx),
      );
      const failures = (await Promise.allSettled(runs)).filter((run) => run.status === 'rejected');
      if (failures.length > 0)
        throw new AggregateError(
          failures.map((failure) => failure.reason),
          'a cron run failed',
        );
    },
  };
}

/** A Request goes on untouched, so that its body stays a stream of the runtime. */
function asRequest(input: Request | string, init?: RequestInit): Request {
  return input instanceof Request && init === undefined ? input : new Request(input, init);
}
