import { beforeEach, describe, expect, test } from 'vitest';
import type { FlagState } from '../database/flags.ts';
import { createFlags, FLAGS_MS, type Flags } from './flags.ts';

type Stored = FlagState & { readonly name: string };

let time: number;
let reads: number;
let errors: number;
let load: () => Promise<readonly Stored[]>;
let flags: Flags;

const state = (given: Partial<Stored>): Stored => ({
  name: 'ai.semantic-search',
  enabled: 'partial',
  userIds: [],
  workspaceIds: [],
  percentage: 0,
  ...given,
});
const isOn = (userId: string | null) => flags.isOn('ai.semantic-search', { userId });
const people = Array.from({ length: 1_000 }, (_, number) => `usr_${number}`);
const peopleWithin = async (percentage: number) => {
  load = async () => [state({ percentage })];
  time += FLAGS_MS;
  const answers = await Promise.all(people.map(async (id) => [id, await isOn(id)] as const));
  return new Set(answers.filter(([, on]) => on).map(([id]) => id));
};

beforeEach(() => {
  time = 0;
  reads = 0;
  errors = 0;
  load = async () => [];
  flags = createFlags({
    load: () => {
      reads += 1;
      return load();
    },
    workspacesOf: async (userId) => (userId === 'usr_member' ? ['wsp_1'] : []),
    now: () => time,
    logger: {
      error: () => {
        errors += 1;
      },
    },
  });
});

describe('a flag', () => {
  test('that nobody has set is as the catalogue says', async () => {
    expect(await isOn('usr_1')).toBe(true);
  });

  test.each(['constructor', '__proto__', 'ai.nothing', ''])(
    'named %s is not in the catalogue, so off',
    async (name) => {
      load = async () => [state({ name, enabled: 'on' })];
      expect(await Reflect.apply(flags.isOn, flags, [name, { userId: 'usr_1' }])).toBe(false);
    },
  );

  test('that is on or off is so for everybody, whoever is listed', async () => {
    load = async () => [state({ enabled: 'off', userIds: ['usr_1'], percentage: 100 })];
    expect([await isOn('usr_1'), await isOn(null)]).toEqual([false, false]);
    load = async () => [state({ enabled: 'on' })];
    time += FLAGS_MS;
    expect([await isOn('usr_1'), await isOn(null)]).toEqual([true, true]);
  });

  test('that is partly on is so for the users and the members of workspaces that it lists', async () => {
    load = async () => [state({ userIds: ['usr_listed'], workspaceIds: ['wsp_1'] })];
    expect([
      await isOn('usr_listed'),
      await isOn('usr_member'),
      await isOn('usr_other'),
      await isOn(null),
    ]).toEqual([true, true, false, false]);
  });

  test('keeps those it has when its share grows, and reaches about that share', async () => {
    const few = await peopleWithin(10);
    const many = await peopleWithin(50);
    expect(few.size).toBeGreaterThan(60);
    expect(few.size).toBeLessThan(140);
    expect(many.size).toBeGreaterThan(430);
    expect(many.size).toBeLessThan(570);
    expect([...few].filter((id) => !many.has(id))).toEqual([]);
    expect((await peopleWithin(0)).size).toBe(0);
    expect((await peopleWithin(100)).size).toBe(1_000);
  });
});

describe('reading flags', () => {
  test('happens once in five seconds', async () => {
    await isOn('usr_1');
    time += FLAGS_MS - 1;
    await isOn('usr_2');
    expect(reads).toBe(1);
    time += 1;
    await isOn('usr_1');
    expect(reads).toBe(2);
  });

  test('that fails leaves them as they were, and is logged', async () => {
    load = async () => [state({ enabled: 'off' })];
    await isOn('usr_1');
    load = () => Promise.reject(new Error('down'));
    time += FLAGS_MS;
    expect(await isOn('usr_1')).toBe(false);
    load = async () => [state({ enabled: 'on' })];
    time += FLAGS_MS;
    expect(await isOn('usr_1')).toBe(true);
    load = () => Promise.reject(new Error('down'));
    time += FLAGS_MS;
    expect(await isOn('usr_1')).toBe(true);
    expect(errors).toBe(2);
  });

  test('that never succeeded leaves everything off', async () => {
    load = () => Promise.reject(new Error('down'));
    expect(await isOn('usr_1')).toBe(false);
  });

  test('never makes one request wait for the read of another', async () => {
    let release = () => {};
    load = () => new Promise((resolve) => (release = () => resolve([])));
    const first = isOn('usr_1');
    load = async () => [state({ enabled: 'off' })];
    expect(await isOn('usr_2')).toBe(false);
    release();
    await first;
    expect(reads).toBe(2);
  });
});
