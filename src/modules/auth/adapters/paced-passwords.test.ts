import { expect, test } from 'vitest';
import { createPacedPasswords } from './paced-passwords.ts';

/** Time passes while somebody sleeps, and while a password is derived. */
function paced({
  perSecond,
  longestWaitMs = 5_000,
  derivationMs = 0,
}: {
  perSecond: number;
  longestWaitMs?: number;
  derivationMs?: number;
}) {
  const began: number[] = [];
  const clock = { now: 0 };
  const derive = async () => {
    began.push(clock.now);
    await Promise.resolve();
    clock.now += derivationMs;
  };
  const passwords = createPacedPasswords(
    {
      hash: () => derive().then(() => 'hash'),
      verify: () => derive().then(() => true),
      isOutdated: () => false,
    },
    {
      perSecond,
      longestWaitMs,
      now: () => clock.now,
      sleep: async (milliseconds) => {
        const until = clock.now + milliseconds;
        await new Promise((resolve) => setTimeout(resolve, 1));
        clock.now = Math.max(clock.now, until);
      },
    },
  );
  return { passwords, began, clock };
}

test('derivations at once begin one after another, with a gap between them', async () => {
  const { passwords, began } = paced({ perSecond: 4 });
  await Promise.all(Array.from({ length: 4 }, () => passwords.verify('x', 'hash')));
  expect(began).toEqual([0, 250, 500, 750]);
});

test('a derivation that takes longer than its share is followed by a gap too', async () => {
  const { passwords, began } = paced({ perSecond: 2, derivationMs: 600 });
  await Promise.all([passwords.hash('x'), passwords.hash('x')]);
  expect(began[1]).toBeGreaterThan(700);
});

test('a single one does not wait, and an idle time gives no credit for a burst', async () => {
  const { passwords, began, clock } = paced({ perSecond: 2 });
  await passwords.hash('x');
  clock.now = 60_000;
  await Promise.all([passwords.hash('x'), passwords.verify('x', 'hash')]);
  expect(began).toEqual([0, 60_000, 60_500]);
});

test('whoever would wait too long is told to come again, and takes no turn', async () => {
  const { passwords, began } = paced({ perSecond: 1, longestWaitMs: 2_000 });
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => passwords.verify('x', 'hash')));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'sign_in_busy', definition: { status: 503 }, options: { retryAfterSeconds: 2 } },
  });
  expect(began).toEqual([0, 1_000, 2_000]);
});

test('a clock that is set back keeps nobody out', async () => {
  const { passwords, clock } = paced({ perSecond: 2 });
  clock.now = 3_600_000;
  await passwords.hash('x');
  clock.now = 0;
  expect(await passwords.verify('x', 'hash')).toBe(true);
});
