import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashSecret, newSecret } from '../../../core/security/secret.ts';
import { startTestSystem, type TestSystem } from '../testing/test-system.ts';

/**
 * One family of refresh tokens between an honest client with many tabs over one store (a cookie jar, local storage) and
 * somebody who reads its tokens. Time passes by moving what happened into the past; a failure prints its seed.
 */
const GRACE_SECONDS = 10;
const HONEST = 'browser';
const RUNS = 60;

let system: TestSystem;
let userId: string;

beforeAll(async () => {
  system = await startTestSystem({ REFRESH_GRACE_SECONDS: String(GRACE_SECONDS) });
  userId = (await system.register()).id;
}, 120_000);
afterAll(() => system.close());

type Step =
  /** As many tabs at once; true: the answer arrives, false: it is lost after its effect. */
  | { readonly do: 'refresh'; readonly arrives: readonly boolean[] }
  /** A tab that slept sends what it read `back` tokens ago, if the grace of that is not over. */
  | { readonly do: 'straggle'; readonly back: number }
  | { readonly do: 'wait'; readonly seconds: number }
  /** Uses a token that the honest client, or the thief, ever held: `at` from the newest. */
  | { readonly do: 'steal'; readonly at: number; readonly as: string };

const honestStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('refresh' as const),
    arrives: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ do: fc.constant('straggle' as const), back: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 25 }) }),
);
const thiefStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('steal' as const),
  at: fc.integer({ min: 0, max: 5 }),
  as: fc.constantFrom(HONEST, 'another client'),
});

/** A family in the database, and what both sides know of it. */
async function openFamily() {
  const session = uuidv7();
  const first = newSecret();
  const owner = userId.slice(4);
  await system.db.batch([
    system.db.execute(sql`insert into auth.sessions (id, user_id, expires_at)
      values (${session}::uuid, ${owner}::uuid, now() + interval '1 day')`),
    system.db.execute(sql`insert into auth.refresh_tokens (token_hash, session_id, expires_at)
      values (${hashSecret(first)}, ${session}::uuid, now() + interval '1 day')`),
  ]);
  const address = `10.${[1, 2, 3].map(() => Math.floor(Math.random() * 256)).join('.')}`;
  let clock = 0;
  let store = first;
  /** Every token that the client had in its store, and when it was spent. */
  const history = [first];
  const spentAt = new Map<string, number>();
  /** Those of them that a tab has sent, so that it waits for the next one. */
  const sent = new Set<string>();
  const loot: string[] = [];

  const send = async (refreshToken: string, userAgent: string): Promise<string | undefined> => {
    const answer = await system.call('POST', '/v1/auth/refresh', {
      json: { refreshToken },
      headers: { 'user-agent': userAgent },
      address,
    });
    expect([200, 401]).toContain(answer.status);
    if (answer.status !== 200) return undefined;
    if (!spentAt.has(refreshToken)) spentAt.set(refreshToken, clock);
    return answer.body.refreshToken;
  };
  const keep = (token: string) => {
    store = token;
    if (history[0] !== token) history.unshift(token);
  };
  const family = {
    /** @returns false when the client was logged out. */
    async refresh(arrives: readonly boolean[]): Promise<boolean> {
      const token = store;
      sent.add(token);
      const answers = await Promise.all(arrives.map(() => send(token, HONEST)));
      for (const [index, answer] of answers.entries()) {
        if (answer === undefined) return false;
        if (arrives[index]) keep(answer);
      }
      return true;
    },
    async straggle(back: number): Promise<boolean> {
      const token = history[back];
      if (token === undefined || clock - (spentAt.get(token) ?? -GRACE_SECONDS) > GRACE_SECONDS - 2)
        return true;
      const answer = await send(token, HONEST);
      if (answer !== undefined) keep(answer);
      return answer !== undefined;
    },
    /** A tab that was left with a spent token, its answer being lost, asks again before the grace of it is over. */
    async wait(seconds: number): Promise<boolean> {
      const dueAt = (spentAt.get(store) ?? clock) + GRACE_SECONDS - 2;
      const still = sent.has(store) && clock + seconds >= dueAt ? await family.refresh([true]) : true;
      clock += seconds;
      await system.db.execute(sql`update auth.refresh_tokens
        set spent_at = spent_at - make_interval(secs => ${seconds}) where session_id = ${session}::uuid`);
      return still;
    },
    async steal(at: number, as: string): Promise<void> {
      const known = [...loot, ...history];
      const token = known[Math.min(at, known.length - 1)] ?? first;
      const answer = await send(token, as);
      if (answer !== undefined) loot.unshift(answer);
    },
    async take(step: Step): Promise<boolean> {
      if (step.do === 'refresh') return family.refresh(step.arrives);
      if (step.do === 'straggle') return family.straggle(step.back);
      if (step.do === 'wait') return family.wait(step.seconds);
      await family.steal(step.at, step.as);
      return true;
    },
    async state(): Promise<{ revoked: boolean; live: number }> {
      const { rows } = await system.db.execute(sql`
        select s.revoked_at is not null as revoked,
          (select count(*)::int from auth.refresh_tokens t where t.session_id = s.id and t.spent_at is null
            and s.revoked_at is null) as live
        from auth.sessions s where s.id = ${session}::uuid`);
      return rows[0] as { revoked: boolean; live: number };
    },
    get stolen() {
      return [...loot, ...history];
    },
    send,
  };
  return family;
}

describe('rotation of refresh tokens', () => {
  test('never logs out an honest client with many tabs and lost answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(honestStep, { minLength: 1, maxLength: 14 }), async (steps) => {
        const family = await openFamily();
        for (const step of steps) expect(await family.take(step), JSON.stringify(step)).toBe(true);
        await family.wait(60);
        expect(await family.refresh([true])).toBe(true);
        expect(await family.state()).toEqual({ revoked: false, live: 1 });
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  }, 300_000);

  test('has one live token at most, whatever a thief does, and logs nobody out without ending the family', async () => {
    const steps = fc.array(fc.oneof(honestStep, thiefStep), { minLength: 2, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const family = await openFamily();
        for (const step of taken) {
          const still = await family.take(step);
          const { revoked, live } = await family.state();
          expect(live, JSON.stringify(step)).toBe(revoked ? 0 : 1);
          if (!still) expect(revoked, JSON.stringify(step)).toBe(true);
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  }, 300_000);

  test('finds a thief once both have used the family beyond the grace, whoever goes first and with what token', async () => {
    const steps = fc.array(fc.oneof(honestStep, thiefStep), { maxLength: 8 });
    const theft = fc.record({
      at: fc.nat(5),
      as: fc.constantFrom(HONEST, 'another client'),
      thiefFirst: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(steps, theft, async (taken, { at, as, thiefFirst }) => {
        const family = await openFamily();
        for (const step of taken) await family.take(step);
        const copy = family.stolen[Math.min(at, family.stolen.length - 1)] ?? '';
        const turns = [() => family.send(copy, as), () => family.refresh([true])];
        for (const turn of thiefFirst ? turns : turns.toReversed()) {
          await family.wait(GRACE_SECONDS + 1);
          await turn();
        }
        expect(await family.state()).toEqual({ revoked: true, live: 0 });
        for (const token of family.stolen) expect(await family.send(token, HONEST)).toBeUndefined();
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  }, 300_000);
});
