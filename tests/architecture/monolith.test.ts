import { describe, expect, it } from 'vitest';
import { composeDoors, type Doors } from '../../functions/monolith/compose.ts';
import type { EdgeContext, EdgeModule } from '../../src/core/http/edge-module.ts';

interface Sibling {
  fetch(input: Request | string, init?: RequestInit): Promise<Response>;
}

const CONTEXT: EdgeContext = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
const BATCH = {
  queue: 'events',
  messages: [],
  metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } },
  ackAll: () => {},
  retryAll: () => {},
};
const CRON = { scheduledTime: 0, cron: '* * * * *', noRetry: () => {} };

function sibling(env: object, name: string): Sibling {
  const bound: unknown = Reflect.get(env, name);
  if (typeof bound !== 'object' || bound === null || !('fetch' in bound))
    throw new Error(`${name} is not bound`);
  const { fetch } = bound;
  if (typeof fetch !== 'function') throw new Error(`${name} is not a service binding`);
  return { fetch: async (input, init) => fetch(input, init) };
}

function doors(overrides: Partial<Doors>): Doors {
  const silent: EdgeModule = { fetch: () => new Response(null, { status: 404 }) };
  return { gateway: silent, auth: silent, storage: silent, ai: silent, ...overrides };
}

describe('the monolith', () => {
  it('answers through the gateway, which reaches every module by its binding', async () => {
    const answer = (name: string): EdgeModule => ({
      fetch: (request) => new Response(`${name} ${request.url}`),
    });
    const gateway: EdgeModule = {
      fetch: (request, env) => sibling(env, new URL(request.url).pathname.slice(1)).fetch(request),
    };
    const worker = composeDoors(
      doors({ gateway, auth: answer('auth'), storage: answer('storage'), ai: answer('ai') }),
      CONTEXT.waitUntil,
    );
    for (const [binding, name] of Object.entries({ AUTH: 'auth', STORAGE: 'storage', AI: 'ai' })) {
      const response = await worker.fetch(new Request(`http://edge/${binding}`), {}, CONTEXT);
      expect(await response.text()).toBe(`${name} http://edge/${binding}`);
    }
  });

  it('lets a module reach its siblings, with the variables of the Worker', async () => {
    const auth: EdgeModule = { fetch: (_, env) => new Response(String(Reflect.get(env, 'AUTH_ISSUER'))) };
    const storage: EdgeModule = { fetch: (_, env) => sibling(env, 'AUTH').fetch('http://auth/issuer') };
    const gateway: EdgeModule = { fetch: (request, env) => sibling(env, 'STORAGE').fetch(request) };
    const worker = composeDoors(doors({ gateway, auth, storage }), CONTEXT.waitUntil);
    const response = await worker.fetch(
      new Request('http://edge/'),
      { AUTH_ISSUER: 'https://issuer' },
      CONTEXT,
    );
    expect(await response.text()).toBe('https://issuer');
  });

  it('gives one env the same bindings every time, and another env others', async () => {
    const seen: object[] = [];
    const gateway: EdgeModule = {
      fetch: (_, env) => {
        seen.push(env);
        return new Response();
      },
    };
    const worker = composeDoors(doors({ gateway }), CONTEXT.waitUntil);
    const env = {};
    for (const each of [env, env, {}]) await worker.fetch(new Request('http://edge/'), each, CONTEXT);
    expect(seen[1]).toBe(seen[0]);
    expect(seen[2]).not.toBe(seen[0]);
  });

  it("keeps a module's background work alive beyond the answer", async () => {
    const kept: Promise<unknown>[] = [];
    const work = Promise.resolve('done');
    const auth: EdgeModule = {
      fetch: (_, __, ctx) => {
        ctx.waitUntil(work);
        return new Response();
      },
    };
    const gateway: EdgeModule = { fetch: (request, env) => sibling(env, 'AUTH').fetch(request) };
    const worker = composeDoors(doors({ gateway, auth }), (promise) => kept.push(promise));
    await worker.fetch(new Request('http://edge/'), {}, CONTEXT);
    expect(kept).toEqual([work]);
  });

  it('hands queue messages to the AI module and refuses them when nobody takes them', async () => {
    const queues: string[] = [];
    const ai: EdgeModule = {
      fetch: () => new Response(),
      queue: async (batch, env) => {
        sibling(env, 'STORAGE');
        queues.push(batch.queue);
      },
    };
    await composeDoors(doors({ ai }), CONTEXT.waitUntil).queue?.(BATCH, {}, CONTEXT);
    expect(queues).toEqual(['events']);
    await expect(composeDoors(doors({}), CONTEXT.waitUntil).queue?.(BATCH, {}, CONTEXT)).rejects.toThrow(
      'takes no queue',
    );
  });

  it('runs the cron of each module although another fails, and reports the failure', async () => {
    const ran: string[] = [];
    const storage: EdgeModule = {
      fetch: () => new Response(),
      scheduled: async () => {
        throw new Error('outbox unreachable');
      },
    };
    const ai: EdgeModule = { fetch: () => new Response(), scheduled: async () => void ran.push('ai') };
    const worker = composeDoors(doors({ storage, ai }), CONTEXT.waitUntil);
    await expect(worker.scheduled?.(CRON, {}, CONTEXT)).rejects.toThrow(AggregateError);
    expect(ran).toEqual(['ai']);
  });
});
