import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { SETTINGS_MS, settingsOf } from './settings.ts';

let time: number;
let stored: unknown;
let logged: string[];
let settings: () => Promise<{ limit: number }>;

beforeEach(() => {
  time = 0;
  stored = undefined;
  logged = [];
  settings = settingsOf({
    module: 'x',
    schema: z.strictObject({ limit: z.int() }),
    defaults: { limit: 1 },
    load: async () => {
      if (stored instanceof Error) throw stored;
      return stored;
    },
    now: () => time,
    logger: { error: (message, fields) => void logged.push(`${message} ${JSON.stringify(fields)}`) },
  });
});

test('what is stored takes effect within five seconds', async () => {
  expect(await settings()).toEqual({ limit: 1 });
  stored = { limit: 2 };
  expect(await settings()).toEqual({ limit: 1 });
  time += SETTINGS_MS;
  expect(await settings()).toEqual({ limit: 2 });
});

test.each([[{ limit: 'hunter2' }], [{ limit: 1, more: 'hunter2' }], ['hunter2'], [null], [[]]])(
  'malformed settings (%j) are the defaults and a line in the log that names no value',
  async (value) => {
    stored = value;
    expect(await settings()).toEqual({ limit: 1 });
    expect(logged).toHaveLength(1);
    expect(logged.join()).not.toContain('hunter2');
  },
);

test('while the database is away they stay as they were', async () => {
  stored = { limit: 2 };
  await settings();
  stored = new Error('down');
  time += SETTINGS_MS;
  expect(await settings()).toEqual({ limit: 2 });
  expect(logged).toHaveLength(1);
});
