import { beforeAll, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal } from './harness/client.ts';
import { makeFolder, upload } from './harness/files.ts';
import { newPrincipal } from './harness/principals.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const idSchema = z.looseObject({ id: z.string() });

/** What the server alone decides about: whose, where, how large, what it is, what is allowed. */
const SERVER_FIELDS = {
  id: `file_${'1'.repeat(32)}`,
  ownerId: `usr_${'1'.repeat(32)}`,
  userId: `usr_${'1'.repeat(32)}`,
  createdBy: `usr_${'1'.repeat(32)}`,
  grantedBy: `usr_${'1'.repeat(32)}`,
  scopeId: '11111111-1111-4111-8111-111111111111',
  tenantId: 'theirs',
  kind: 'folder',
  path: '/elsewhere',
  sha256hex: '0'.repeat(64),
  etag: '"0"',
  usedBytes: 0,
  quotaBytes: 2 ** 50,
  reservedBytes: 0,
  downloads: 0,
  uses: 0,
  state: 'completed',
  objectKey: '../../elsewhere',
  tokenHash: '0'.repeat(64),
  passwordHash: 'x',
  sealedSecret: 'x',
  secret: 'known',
  trashedAt: null,
  createdAt: '2020-01-01T00:00:00Z',
  updatedAt: '2020-01-01T00:00:00Z',
  __proto__x: 1,
} as const;

interface Call {
  readonly method: string;
  readonly path: string;
  readonly json: Readonly<Record<string, unknown>>;
}

let mine: Client;
let calls: readonly Call[];

/** Every JSON body of the storage module, each with what it may have. */
async function allCalls(): Promise<Call[]> {
  const [account, guest] = [await newAccount(api), await newPrincipal(installation)];
  mine = account.api;
  const file = await upload(mine, 'kept.txt', 'kept');
  const folder = await makeFolder(mine, 'kept');
  const at = `/v1/files/${file.id}`;
  await mine.call('PUT', `${at}/content`, { body: 'second' });
  const make = async (path: string, json: object) =>
    bodyOf(await mine.call('POST', path, { json }), 201, idSchema).id;
  const principal = { kind: 'user', id: guest.userId };
  const grant = await make(`${at}/grants`, { principal, role: 'viewer' });
  const link = await make(`${at}/links`, { mode: 'view' });
  const parts = await make('/v1/uploads', { name: 'parts', size: 5 });
  const url = 'https://receiver.example/';
  const webhook = await make('/v1/webhooks', { url, events: ['content.repaired'] });
  const trashed = await upload(mine, 'trashed.txt', 'trashed');
  await mine.call('DELETE', `/v1/files/${trashed.id}`);
  const patch = (path: string, json: Call['json']) => ({ method: 'PATCH', path, json });
  const post = (path: string, json: Call['json']) => ({ method: 'POST', path, json });
  return [
    post('/v1/folders', { name: 'new', parentId: folder.id }),
    patch(at, { name: 'renamed.txt' }),
    post(`${at}/copy`, { name: 'copied.txt' }),
    post(`${at}/grants`, { principal, role: 'editor' }),
    post(`${at}/grants`, { principal: { ...principal, role: 'x' }, role: 'editor' }),
    patch(`${at}/grants/${grant}`, { role: 'editor' }),
    post(`${at}/links`, { mode: 'download' }),
    patch(`/v1/links/${link}`, { name: 'renamed' }),
    post(`${at}/comments`, { text: 'hello' }),
    patch(`${at}/versions/${file.version?.id}`, { label: 'label' }),
    post(`/v1/trash/${trashed.id}/restore`, {}),
    post('/v1/uploads', { name: 'more', size: 5 }),
    post(`/v1/uploads/${parts}/parts`, { first: 1, count: 1 }),
    post(`/v1/uploads/${parts}/complete`, {}),
    post('/v1/webhooks', { url, events: ['content.repaired'] }),
    patch(`/v1/webhooks/${webhook}`, { events: [] }),
    patch(`/v1/drives/${account.tokens.user.id}`, { trashDays: 3 }),
  ];
}

/** All that the person can see of what they have. */
async function state(): Promise<unknown> {
  const paths = ['/v1/files', '/v1/links', '/v1/uploads', '/v1/webhooks', '/v1/trash', '/v1/drives'];
  const answers = await Promise.all(paths.map((path) => mine.call('GET', path)));
  // The analysis goes its own way.
  const bodies = answers.map((answer) => JSON.parse(new TextDecoder().decode(answer.bytes)).items);
  return JSON.parse(JSON.stringify(bodies, (key, value) => (key === 'analysis' ? undefined : value)));
}

beforeAll(async () => {
  calls = await allCalls();
});

it('no body of the storage module takes a field that the server alone decides about', async () => {
  const before = await state();
  const wrong: string[] = [];
  for (const { method, path, json } of calls)
    for (const [field, value] of Object.entries(SERVER_FIELDS)) {
      const answer = refusal(await mine.call(method, path, { json: { ...json, [field]: value } }));
      if (answer !== '400 invalid_request') wrong.push(`${method} ${path} with ${field}: ${answer}`);
    }
  expect(wrong).toEqual([]);
  expect(await state()).toEqual(before);
});

it('the query of an upload cannot say what the server decides about', async () => {
  const query = new URLSearchParams({
    name: 'query.txt',
    id: SERVER_FIELDS.id,
    size: '1',
    sha256: SERVER_FIELDS.sha256hex,
    createdBy: SERVER_FIELDS.createdBy,
    scopeId: SERVER_FIELDS.scopeId,
    objectKey: SERVER_FIELDS.objectKey,
  });
  const answer = await mine.call('POST', `/v1/files?${query}`, { body: 'four' });
  const file = bodyOf(answer, 201, z.looseObject({ id: z.string(), size: z.int(), sha256: z.string() }));
  expect(file.id).not.toBe(SERVER_FIELDS.id);
  expect([file.size, file.sha256]).not.toContain(SERVER_FIELDS.sha256hex);
  expect(file.size).toBe(4);
});

it('nobody sets the quota of a drive but who may configure the deployment', async () => {
  const { token, userId } = await newPrincipal(installation);
  const json = { quotaBytes: 2 ** 50, quotaEntries: 2 ** 30 };
  const path = `/v1/admin/storage/drives/${userId}/quota`;
  expect(refusal(await api.as(token).call('PUT', path, { json }))).toBe('403 permission_denied');
});
