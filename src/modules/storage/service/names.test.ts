import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nameKey, nameSchema } from '../models/names.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
let user: TestUser;
beforeAll(async () => {
  system = await startTestSystem();
  user = await system.newUser();
}, 120_000);
afterAll(() => system.close());

const HOSTILE = [
  ...[
    'CON',
    'nul.txt',
    'COM1',
    'aux.',
    'desktop.ini',
    '~$x',
    '.htaccess',
    '...',
    '. ',
    'trailing.',
    'trailing ',
    ' leading',
  ],
  ...[
    "' or 1=1 --",
    '"; drop table storage.files; --',
    '$(reboot)',
    '`id`',
    '%00',
    '%2e%2e%2f',
    '{a,"b",NULL}',
  ],
  ...[
    '<svg onload=alert(1)>',
    '$' + '{7*7}',
    '{{7*7}}',
    '=1+1',
    '-rf',
    '--',
    'NULL',
    'null',
    'undefined',
    'true',
    '__proto__',
  ],
  ...[
    '\u202egpj.exe',
    '\u200b',
    'bom\ufeff',
    'a\u0301',
    '\u00e1\u0323',
    '👩‍👩‍👧‍👦',
    '🏳️‍🌈',
    'ﷺ',
    '田中',
    'ß',
    'İ',
    'ı',
    'ſ',
    'Σς',
  ],
  ...[
    'x'.repeat(255),
    'é'.repeat(127),
    '😀'.repeat(63),
    'a?b*c|d<e>f:g',
    "a;filename*=UTF-8''x",
    'a"b',
    'a,b',
    'a\u00a0b',
  ],
];

test('hostile names are stored as they were sent, and come back everywhere', async () => {
  const seen = new Map<string, string>();
  for (const name of HOSTILE) {
    expect(nameSchema.safeParse(name).success, JSON.stringify(name)).toBe(true);
    const folder = await user.call('POST', '/v1/folders', { json: { name } });
    if (seen.has(nameKey(name))) {
      expect(folder.body.code).toBe('name_conflict');
      continue;
    }
    expect(folder.body.name, JSON.stringify(name)).toBe(name);
    seen.set(nameKey(name), folder.body.id);
    const renamed = await user.folder('x', folder.body.id);
    expect((await user.call('PATCH', `/v1/files/${renamed}`, { json: { name } })).body.path).toBe(
      `/${name}/${name}`,
    );
    const path = `/v1/files/by-path?path=${encodeURIComponent(`/${name}/${name}`)}`;
    expect((await user.call('GET', path)).body.id, JSON.stringify(name)).toBe(renamed);
    const copied = await user.call('POST', `/v1/files/${renamed}/copy`, {
      json: { parentId: folder.body.id, conflict: 'rename' },
    });
    expect(nameSchema.safeParse(copied.body.name).success, copied.body.name).toBe(true);
  }
  const listed = (await user.call('GET', '/v1/files?limit=200')).body.items;
  expect(listed.map(({ id }: { id: string }) => id)).toEqual([...seen.values()]);
});

test('no name is in a key of the bucket', async () => {
  const parentId = await user.folder('keys');
  const sent = HOSTILE.slice(-8);
  for (const name of sent) expect((await user.upload(name, 'x', { parentId })).body.name).toBe(name);
  const keys = await system.query('select key from storage.objects');
  expect(keys).toHaveLength(sent.length);
  for (const { key } of keys) expect(key).toMatch(/^[a-z]+\/[\w/]+$/);
});

test.each([
  ['a slash', 'a/b'],
  ['a backslash', 'a\\b'],
  ['NUL', 'a\0'],
  ['a line end', 'a\r\nb'],
  ['a line separator', 'a\u2028b'],
  ['half a character', 'a\ud800'],
  ['nothing', ''],
  ['blank', ' \u3000'],
  ['this folder', '.'],
  ['the folder above', '..'],
  ['with a byte order mark', '\ufeffa'],
  ['256 bytes', 'x'.repeat(256)],
  ['256 bytes of two each', 'é'.repeat(128)],
])('%s is no name', async (_, name) => {
  const id = await user.folder(crypto.randomUUID());
  for (const [method, path] of [
    ['POST', '/v1/folders'],
    ['PATCH', `/v1/files/${id}`],
    ['POST', `/v1/files/${id}/copy`],
  ] as const) {
    const answer = await user.call(method, path, { json: { name } });
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
  }
});

test('bytes that are no UTF-8 are refused, in a body and in a query', async () => {
  const body = new Uint8Array([
    ...new TextEncoder().encode('{"name":"a'),
    0xff,
    0xfe,
    ...new TextEncoder().encode('"}'),
  ]);
  const answer = await user.call('POST', '/v1/folders', {
    body,
    headers: { 'content-type': 'application/json' },
  });
  expect(answer.body.code).toBe('malformed_json');
  for (const path of ['/v1/files/by-path?path=/%ff%fe', '/v1/files?tag=%c0%af', '/v1/files?tag=100%'])
    expect((await user.call('GET', path)).body.code).toBe('invalid_request');
  const upload = await user.call('POST', '/v1/files?name=%ff.txt', { body: 'x' });
  expect(upload.body.code).toBe('invalid_request');
});

test('whatever is a name is kept as it is, and is found again in another case and composition', async () => {
  const text = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
    .filter((name) => nameSchema.safeParse(name).success);
  await fc.assert(
    fc.asyncProperty(text, async (name) => {
      const parentId = await user.folder(crypto.randomUUID());
      const made = await user.call('POST', '/v1/folders', { json: { name, parentId } });
      expect(made.body.name).toBe(name);
      const other = await user.call('POST', '/v1/folders', {
        json: { name: name.normalize('NFD'), parentId },
      });
      const isSame =
        nameKey(name.normalize('NFD')) === nameKey(name) &&
        nameSchema.safeParse(name.normalize('NFD')).success;
      if (isSame) expect(other.body.code).toBe('name_conflict');
    }),
    { numRuns: 60, interruptAfterTimeLimit: 8_000, verbose: 1 },
  );
});
