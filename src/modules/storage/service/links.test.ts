import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import {
  type Answer,
  type CallOptions,
  startTestSystem,
  type TestSystem,
  type TestUser,
} from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

async function link(by: TestUser, fileId: string, input: object): Promise<{ id: string; token: string }> {
  const { status, body } = await by.call('POST', `/v1/files/${fileId}/links`, { json: input });
  if (status !== 201) throw new Error(`answered ${status} ${JSON.stringify(body)}`);
  return body;
}

const visit = (token: string, path = '', options: CallOptions = {}, method = 'GET'): Promise<Answer> =>
  system.call(method, `/v1/shared-links/${token}${path}`, options);
const without = ({ body }: Answer) => ({ ...body, requestId: undefined });
const text = ({ bytes }: Answer) => new TextDecoder().decode(bytes);
const codes = (answers: readonly Answer[]) => answers.map(({ body }) => body?.code);
const NOWHERE = 'A'.repeat(43);

async function sharedFolder(mode: string, more = {}) {
  const ann = await system.newUser();
  const top = await ann.folder('top');
  const folder = await ann.folder('folder', top);
  const inner = await ann.folder('inner', folder);
  const file = await ann.file('a.txt', 'hello', inner);
  const sibling = await ann.file('sibling.txt', 'private', top);
  return { ann, top, folder, inner, file, sibling, ...(await link(ann, folder, { mode, ...more })) };
}

describe('a link', () => {
  test('shows its secret once, of 256 bits, and keeps a hash of it', async () => {
    const ann = await system.newUser();
    const file = await ann.file('a.txt');
    const made = await ann.call('POST', `/v1/files/${file}/links`, {
      json: { mode: 'download', name: 'for Bob' },
    });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const { id, token, url } = made.body;
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(url).toBe(`https://api.test/v1/shared-links/${token}`);
    const rows = await system.query(`select l::text as row from storage.links l`);
    expect(JSON.stringify(rows)).not.toContain(token);
    const lists = [
      await ann.call('GET', `/v1/files/${file}/links`),
      await ann.call('GET', '/v1/links'),
      await ann.call('PATCH', `/v1/links/${id}`, { json: { name: 'for Eve' } }),
    ];
    expect(JSON.stringify(lists.map(({ body }) => body))).not.toContain(token);
    expect(lists[0]?.body.items).toMatchObject([
      { id, fileId: file, fileName: 'a.txt', state: 'active', uses: 0 },
    ]);
    expect(lists[2]?.body).toMatchObject({ id, name: 'for Eve', hasPassword: false });
    const audit = await system.query(
      `select details::text as details, action from core.audit_events where object_id = '${id}'`,
    );
    expect(audit.map(({ action }) => action)).toEqual(['link.create', 'link.update']);
    expect(JSON.stringify(audit)).not.toContain(token);
  });

  test('is for managers to make, see, change and revoke', async () => {
    const { ann, folder, file, id } = await sharedFolder('download');
    const [bob, eve] = [await system.newUser(), await system.newUser()];
    await ann.call('POST', `/v1/files/${folder}/grants`, {
      json: { principal: { kind: 'user', id: bob.id }, role: 'editor' },
    });
    const make = (who: TestUser, fileId: string) =>
      who.call('POST', `/v1/files/${fileId}/links`, { json: { mode: 'view' } });
    expect((await make(bob, file)).body.code).toBe('role_required');
    expect((await bob.call('GET', `/v1/files/${folder}/links`)).body.code).toBe('role_required');
    expect(without(await make(eve, file))).toEqual(without(await make(eve, newId('file'))));
    for (const who of [bob, eve]) {
      expect((await who.call('PATCH', `/v1/links/${id}`, { json: { password: null } })).body.code).toBe(
        'link_not_found',
      );
      expect((await who.call('DELETE', `/v1/links/${id}`)).body.code).toBe('link_not_found');
    }
    expect((await make(ann, file)).status).toBe(201);
    const upload = await ann.call('POST', `/v1/files/${file}/links`, { json: { mode: 'upload' } });
    expect(upload.body.code).toBe('not_a_folder');
    for (const more of [
      { downloads: 0 },
      { tokenHash: 'x' },
      { createdBy: eve.id },
      { maxDownloads: -1 },
      { mode: 'all' },
    ])
      expect(
        (await ann.call('POST', `/v1/files/${file}/links`, { json: { mode: 'view', ...more } })).body.code,
      ).toBe('invalid_request');
  });

  test('leads to one folder and all below it, and to nothing else', async () => {
    const { top, folder, inner, file, sibling, token } = await sharedFolder('download');
    expect((await visit(token)).body).toEqual({
      mode: 'download',
      needsPassword: false,
      fileId: folder,
      name: 'folder',
      kind: 'folder',
      expiresAt: null,
      downloadsLeft: null,
    });
    const list = await visit(token, '/files');
    expect(list.body.items).toMatchObject([{ id: inner, path: '/folder/inner' }]);
    expect(JSON.stringify(list.body)).not.toContain('usr_');
    const below = await visit(token, `/files?parentId=${inner}`);
    expect(below.body.items).toMatchObject([{ id: file, path: '/folder/inner/a.txt', size: 5 }]);
    expect(text(await visit(token, `/files/${file}/content`))).toBe('hello');
    expect((await visit(token, `/files/${folder}`)).body).toMatchObject({ parentId: null, path: '/folder' });

    const paths = (id: string) => [
      `/files/${id}`,
      `/files/${id}/content`,
      `/files/${id}/thumbnail`,
      `/files/${id}/zip`,
      `/files?parentId=${id}`,
    ];
    const random = await Promise.all(paths(newId('file')).map((path) => visit(token, path)));
    expect(random.every(({ status }) => status === 404)).toBe(true);
    for (const id of [top, sibling]) {
      const answers = await Promise.all(paths(id).map((path) => visit(token, path)));
      expect(answers.map(without)).toEqual(random.map(without));
    }
    for (const path of [
      `/files/${folder}/../${sibling}`,
      `/files/${inner}%2f..%2f${sibling}/content`,
      '/files/../../files',
    ])
      expect([400, 401, 404], path).toContain((await visit(token, path)).status);
  });

  test('answers what may be kept nowhere and told to nobody', async () => {
    const { file, token } = await sharedFolder('download');
    const answers = [
      await visit(token),
      await visit(token, '/files'),
      await visit(token, `/files/${file}/content`),
      await visit(token, `/files/${newId('file')}`),
      await visit(NOWHERE),
    ];
    for (const { headers } of answers) {
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }
  });

  test('that is unknown, altered, revoked or in the trash is the same as none', async () => {
    const { ann, folder, id, token } = await sharedFolder('download');
    const none = without(await visit(NOWHERE));
    expect(none).toMatchObject({ status: 404, code: 'link_not_found' });
    const altered = `${token.slice(0, -1)}${token.endsWith('A') ? 'E' : 'A'}`;
    for (const other of [altered, token.slice(1), `${token}x`, '%00', "'--", 'x'.repeat(3_000)])
      expect(without(await visit(other)), other).toEqual(none);
    await ann.call('DELETE', `/v1/files/${folder}`);
    expect(without(await visit(token))).toEqual(none);
    const other = await sharedFolder('download');
    expect((await other.ann.call('DELETE', `/v1/links/${other.id}`)).status).toBe(204);
    for (const path of ['', '/files', `/files/${other.file}/content`])
      expect(without(await visit(other.token, path))).toEqual(none);
    expect((await other.ann.call('GET', '/v1/links')).body.items).toEqual([]);
    expect((await other.ann.call('DELETE', `/v1/links/${other.id}`)).body.code).toBe('link_not_found');
    expect((await ann.call('DELETE', `/v1/links/${id}`)).status).toBe(204);
  });

  test('that has expired says so, to whoever has its secret', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const { ann, file, id, token } = await sharedFolder('download', { expiresAt });
    expect((await visit(token)).body.expiresAt).toBe(expiresAt);
    await system.query(
      `update storage.links set expires_at = now() - interval '1 s' where id = '${idToUuid(id)}'`,
    );
    for (const path of ['', '/files', `/files/${file}/content`]) {
      const answer = await visit(token, path);
      expect([answer.status, answer.body.code]).toEqual([410, 'link_expired']);
    }
    expect((await ann.call('GET', '/v1/links')).body.items[0].state).toBe('expired');
    expect((await ann.call('PATCH', `/v1/links/${id}`, { json: { expiresAt: null } })).body.state).toBe(
      'active',
    );
    expect((await visit(token)).status).toBe(200);
  });

  test('works only while its maker may share what it leads to', async () => {
    const [owner, maker] = [await system.newUser(), await system.newUser()];
    const driveId = await system.newWorkspace([
      [owner, 'owner'],
      [maker, 'admin'],
    ]);
    const folder = (await owner.call('POST', '/v1/folders', { json: { name: 'f', driveId } })).body.id;
    const file = await owner.file('a.txt', 'hello', folder);
    const secret = await owner.file('s.txt', 'secret', folder);
    const { token } = await link(maker, folder, { mode: 'download' });
    const state = async () => (await owner.call('GET', `/v1/files/${folder}/links`)).body.items[0].state;
    const content = () => visit(token, `/files/${file}/content`);
    expect(text(await content())).toBe('hello');
    await system.removeMember(driveId, maker);
    expect(without(await content())).toEqual(without(await visit(NOWHERE)));
    expect(await state()).toBe('suspended');
    // As a manager by grant, but shut out of one file: so is the link.
    const asMaker = { principal: { kind: 'user', id: maker.id } };
    await owner.call('POST', `/v1/files/${folder}/grants`, { json: { ...asMaker, role: 'manager' } });
    await owner.call('POST', `/v1/files/${secret}/grants`, { json: { ...asMaker, role: 'viewer' } });
    expect(text(await content())).toBe('hello');
    expect((await visit(token, `/files/${secret}`)).body.code).toBe('file_not_found');
    expect((await visit(token, '/files')).body.items).toMatchObject([{ id: file }]);
    await owner.call('POST', `/v1/files/${folder}/grants`, { json: { ...asMaker, role: 'editor' } });
    expect((await content()).body.code).toBe('link_not_found');
    await owner.call('POST', `/v1/files/${folder}/grants`, { json: { ...asMaker, role: 'manager' } });
    expect((await content()).status).toBe(200);
    await system.query(`update auth.users set disabled_at = now() where id = '${idToUuid(maker.id)}'`);
    expect((await content()).body.code).toBe('link_not_found');
  });

  test('is counted and audited with each use', async () => {
    const { ann, file, inner, id, token } = await sharedFolder('download');
    await visit(token);
    await visit(token, '/files');
    await visit(token, `/files/${file}/content`);
    await visit(token, `/files/${inner}/zip`);
    const { body } = await ann.call('GET', '/v1/links');
    expect(body.items[0]).toMatchObject({ id, uses: 4, downloads: 2, lastUsedAt: expect.any(String) });
    const audit = await system.query(`select actor_kind, result, address, details->>'what' as what,
      details->>'file' as file from core.audit_events where object_id = '${id}' and action = 'link.use' order by id`);
    const use = { actor_kind: 'anonymous', result: 'success', address: '203.0.113.7' };
    expect(audit).toEqual([
      { ...use, what: 'open', file: null },
      { ...use, what: 'list', file: expect.stringMatching(/^file_/) },
      { ...use, what: 'download', file },
      { ...use, what: 'zip', file: inner },
    ]);
  });

  test('keeps its token out of the log', async () => {
    const { token } = await sharedFolder('download');
    const lines: string[] = [];
    const { log, debug, info, error, warn } = console;
    Object.assign(
      console,
      Object.fromEntries(
        ['log', 'debug', 'info', 'error', 'warn'].map((name) => [
          name,
          (...args: unknown[]) => lines.push(args.map(String).join(' ')),
        ]),
      ),
    );
    try {
      const loud = system.withEnv({ LOG_LEVEL: 'debug' });
      await loud.call('GET', `/v1/shared-links/${token}/files`);
      await loud.call('GET', `/v1/shared-links/${token}`);
    } finally {
      Object.assign(console, { log, debug, info, error, warn });
    }
    expect(lines.join('\n')).toContain('/v1/shared-links/…/files');
    expect(lines.join('\n')).not.toContain(token);
  });
});

describe('a mode', () => {
  test('to view hands out no bytes', async () => {
    const { folder, file, token } = await sharedFolder('view');
    expect((await visit(token, '/files')).status).toBe(200);
    expect((await visit(token, `/files/${file}`)).body.name).toBe('a.txt');
    const refused = [
      await visit(token, `/files/${file}/content`),
      await visit(token, `/files/${file}/content`, { headers: { range: 'bytes=0-1' } }),
      await visit(token, `/files/${file}/content?redirect=true`),
      await visit(token, `/files/${newId('file')}/content`),
      await visit(token, `/files/${folder}/zip`),
      await visit(token, '/files?name=x', { body: 'x' }, 'POST'),
    ];
    expect(codes(refused)).toEqual(Array(6).fill('link_mode_refused'));
    expect(refused.every(({ status }) => status === 403)).toBe(true);
  });

  test('to upload takes files and shows nothing, not even that a name is taken', async () => {
    const { ann, inner } = await sharedFolder('view');
    const { id, token } = await link(ann, inner, { mode: 'upload' });
    expect((await visit(token)).body).toMatchObject({ mode: 'upload', name: 'inner', fileId: null });
    const drop = (name: string) =>
      visit(token, `/files?name=${encodeURIComponent(name)}`, { body: 'dropped' }, 'POST');
    const dropped = await Promise.all([drop('a.txt'), drop('a.txt'), drop('new.txt')]);
    expect(dropped.map(({ status, body }) => [status, body])).toEqual([
      [201, { name: 'a.txt', size: 7 }],
      [201, { name: 'a.txt', size: 7 }],
      [201, { name: 'new.txt', size: 7 }],
    ]);
    const { items } = (await ann.call('GET', `/v1/files?parentId=${inner}&sort=name`)).body;
    expect(items.map((item: { name: string }) => item.name).sort()).toEqual([
      'a (2).txt',
      'a (3).txt',
      'a.txt',
      'new.txt',
    ]);
    const refused = [
      await visit(token, '/files'),
      await visit(token, `/files/${items[0].id}`),
      await visit(token, `/files/${items[0].id}/content`),
      await visit(token, `/files/${items[0].id}/thumbnail`),
      await visit(token, `/files/${inner}/zip`),
    ];
    expect(codes(refused)).toEqual(Array(5).fill('link_mode_refused'));
    expect(codes([await drop('../x'), await drop('a/b'), await drop('..')])).toEqual(
      Array(3).fill('invalid_request'),
    );
    const small = system.withEnv({ MAX_UPLOAD_BYTES: '3' });
    const large = await small.call('POST', `/v1/shared-links/${token}/files?name=big`, { body: 'four' });
    expect(large.body.code).toBe('file_too_large');
    await ann.call('DELETE', `/v1/links/${id}`);
    expect(codes([await drop('late.txt')])).toEqual(['link_not_found']);
  });
});

test('an upload through a link that is revoked meanwhile leaves nothing behind', async () => {
  const { ann, folder } = await sharedFolder('view');
  const { id, token } = await link(ann, folder, { mode: 'upload' });
  const revoked = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode('drop'));
      await revoked.promise;
      controller.enqueue(new TextEncoder().encode('ped'));
      controller.close();
    },
  });
  const dropping = visit(token, '/files?name=late.txt', { body, headers: { 'content-length': '7' } }, 'POST');
  const begun = `select 1 from storage.uploads where link_id = '${idToUuid(id)}'`;
  while ((await system.query(begun)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await ann.call('DELETE', `/v1/links/${id}`);
  revoked.resolve();
  expect((await dropping).body.code).toBe('link_not_found');
  const names = (await ann.call('GET', `/v1/files?parentId=${folder}`)).body.items.map(
    ({ name }: { name: string }) => name,
  );
  expect(names).toEqual(['inner']);
});

describe('a limit of downloads', () => {
  test('lets exactly as many through, of 100 at once', async () => {
    const { ann, file, token } = await sharedFolder('download', { maxDownloads: 10 });
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => visit(token, `/files/${file}/content`)),
    );
    const delivered = answers.filter((answer) => answer.status === 200 && text(answer) === 'hello');
    expect(delivered).toHaveLength(10);
    const others = answers.filter(({ status }) => status !== 200);
    expect(new Set(codes(others))).toEqual(new Set(['link_used_up']));
    expect((await visit(token)).body.downloadsLeft).toBe(0);
    expect((await ann.call('GET', '/v1/links')).body.items[0]).toMatchObject({
      downloads: 10,
      state: 'used_up',
    });
    expect((await visit(token, '/files')).status).toBe(200);
  });

  test('counts answers with bytes: not HEAD, not 304, not 416', async () => {
    const { file, token } = await sharedFolder('download', { maxDownloads: 2 });
    const path = `/files/${file}/content`;
    const head = await visit(token, path, {}, 'HEAD');
    const etag = head.headers.get('etag') ?? '';
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
    expect((await visit(token, path, { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await visit(token, path, { headers: { range: 'bytes=9-' } })).status).toBe(416);
    expect((await visit(token)).body.downloadsLeft).toBe(2);
    const part = await visit(token, path, { headers: { range: 'bytes=1-2' } });
    expect([part.status, text(part)]).toEqual([206, 'el']);
    expect((await visit(token)).body.downloadsLeft).toBe(1);
    expect((await visit(token, path)).status).toBe(200);
    expect((await visit(token, path)).body).toMatchObject({ status: 410, code: 'link_used_up' });
  });

  test('gives back what the store did not deliver', async () => {
    const { file, id, token } = await sharedFolder('download', { maxDownloads: 1 });
    const down = system.withEnv({ S3_ENDPOINT: 'http://127.0.0.1:9' });
    const failed = await down.call('GET', `/v1/shared-links/${token}/files/${file}/content`);
    expect(failed.status).toBe(503);
    expect((await visit(token)).body.downloadsLeft).toBe(1);
    const [row] = await system.query(`select result from core.audit_events where object_id = '${id}'
      and details->>'what' = 'download' order by id desc limit 1`);
    expect(row).toEqual({ result: 'failure' });
    expect(text(await visit(token, `/files/${file}/content`))).toBe('hello');
  });

  test('a revocation during downloads lets none begin after it', async () => {
    const { ann, file, id, token } = await sharedFolder('download');
    const begun = await Promise.all(
      Array.from({ length: 5 }, () =>
        system.fetch(new Request(`https://api.test/v1/shared-links/${token}/files/${file}/content`)),
      ),
    );
    await ann.call('DELETE', `/v1/links/${id}`);
    const later = await Promise.all(Array.from({ length: 5 }, () => visit(token, `/files/${file}/content`)));
    expect(codes(later)).toEqual(Array(5).fill('link_not_found'));
    expect(await Promise.all(begun.map((response) => response.text()))).toEqual(Array(5).fill('hello'));
  });
});

describe('a folder in it that is closed to who made the link', () => {
  test('is in no answer of the link, and in no archive', async () => {
    const { ann, folder, inner, file } = await sharedFolder('view');
    const bob = await system.newUser();
    const share = (id: string, role: string) =>
      ann.call('POST', `/v1/files/${id}/grants`, { json: { principal: { kind: 'user', id: bob.id }, role } });
    expect((await share(folder, 'manager')).status).toBe(201);
    const { token } = await link(bob, folder, { mode: 'download' });
    const archive = async () => text(await visit(token, `/files/${folder}/zip`));
    expect(await archive()).toContain('a.txt');
    for (const role of ['none', 'viewer']) {
      expect((await share(inner, role)).status).toBe(201);
      expect((await visit(token, '/files')).body.items).toEqual([]);
      expect((await visit(token, `/files/${file}/content`)).status).toBe(404);
      expect(await archive()).not.toContain('a.txt');
    }
  });
});

test('nothing is read of what is sent to a link that there is not', async () => {
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(1024));
        if (pulled === 100) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  const answer = await visit(NOWHERE, '/files?name=a.bin', { body }, 'POST');
  expect([answer.status, answer.body.code, pulled]).toEqual([404, 'link_not_found', 0]);
});

describe('a password', () => {
  const unlock = (token: string, password: unknown, from: TestSystem = system, address = '203.0.113.7') =>
    from.call('POST', `/v1/shared-links/${token}/unlock`, {
      json: { password },
      headers: { 'x-client-address': address },
    });

  test('is asked for before anything is told, and kept as a hash', async () => {
    const { ann, folder, file, id, token } = await sharedFolder('download', { password: 'påss wörd' });
    expect((await visit(token)).body).toMatchObject({
      needsPassword: true,
      name: null,
      fileId: null,
      kind: null,
    });
    const locked = [
      await visit(token, '/files'),
      await visit(token, `/files/${file}/content`),
      await visit(token, `/files/${folder}/zip`),
    ];
    expect(locked.map(({ status, body }) => [status, body.code])).toEqual(
      Array(3).fill([403, 'link_password_required']),
    );
    const [row] = await system.query(`select password_hash from storage.links where id = '${idToUuid(id)}'`);
    expect(row?.password_hash).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$/);
    const wrong = await unlock(token, 'pass word');
    expect([wrong.status, wrong.body.code]).toEqual([403, 'link_password_wrong']);
    const [audit] = await system.query(`select result, reason, details::text as details from core.audit_events
      where object_id = '${id}' and action = 'link.use' order by id desc limit 1`);
    expect(audit).toMatchObject({ result: 'denied', reason: 'link_password_wrong' });
    expect(JSON.stringify(audit)).not.toContain('pass word');
    const { ticket } = (await unlock(token, 'påss wörd')).body;
    expect(text(await visit(token, `/files/${file}/content?ticket=${ticket}`))).toBe('hello');
    expect((await visit(token, `?ticket=${ticket}`)).body).toMatchObject({ name: 'folder', fileId: folder });
    expect(await system.query(`select 1 from core.audit_events where details::text like '%påss%'`)).toEqual(
      [],
    );
    // A new password ends what was opened with the old one.
    await ann.call('PATCH', `/v1/links/${id}`, { json: { password: 'another' } });
    expect(codes([await visit(token, `/files?ticket=${ticket}`)])).toEqual(['link_password_required']);
    await ann.call('PATCH', `/v1/links/${id}`, { json: { password: null } });
    expect((await visit(token, '/files')).status).toBe(200);
    expect(codes([await unlock(token, 'another')])).toEqual(['link_has_no_password']);
  });

  test('a ticket opens its own link for a while, and cannot be made up', async () => {
    const [one, two] = [
      await sharedFolder('view', { password: 'same one' }),
      await sharedFolder('view', { password: 'same one' }),
    ];
    const { ticket, expiresAt } = (await unlock(one.token, 'same one')).body;
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(3_600_000);
    expect((await visit(one.token, `/files?ticket=${ticket}`)).status).toBe(200);
    const [expiry, mac] = ticket.split('.');
    for (const [token, forged] of [
      [two.token, ticket],
      [one.token, `${Number(expiry) + 9_000}.${mac}`],
      [one.token, `${Math.floor(Date.now() / 1_000) - 1}.${mac}`],
      [one.token, `${expiry}.${'A'.repeat(43)}`],
      [one.token, ''],
    ])
      expect(codes([await visit(token, `/files?ticket=${forged}`)]), forged).toEqual([
        'link_password_required',
      ]);
  });

  test('is guessed slowly: by one address at one link, and nobody else is kept out by it', async () => {
    const { token } = await sharedFolder('view', { password: 'right one' });
    const strict = system.withEnv({ RATE_LIMIT_SCALE: '0.3' });
    const guesses = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((password) => unlock(token, password, strict, '198.51.100.1')),
    );
    expect(guesses.map(({ status }) => status).sort()).toEqual([403, 403, 403, 429, 429]);
    expect((await unlock(token, 'right one', strict, '198.51.100.1')).status).toBe(429);
    expect((await unlock(token, 'right one', strict, '198.51.100.2')).status).toBe(200);
    const other = await sharedFolder('view', { password: 'right one' });
    expect((await unlock(other.token, 'right one', strict, '198.51.100.1')).status).toBe(200);
  });

  test.each([[''], ['abc'], ['x'.repeat(129)], [7], ['\ud800abc']])('%j is no password', async (password) => {
    const ann = await system.newUser();
    const file = await ann.file('a.txt');
    const made = await ann.call('POST', `/v1/files/${file}/links`, { json: { mode: 'view', password } });
    expect(made.body.code).toBe('invalid_request');
  });
});

test('one address can call links so often', async () => {
  const strict = system.withEnv({ RATE_LIMIT_SCALE: '0.002' });
  const from = { headers: { 'x-client-address': '198.51.100.77' } };
  const answers = [];
  for (let call = 0; call < 4; call += 1)
    answers.push(await strict.call('GET', `/v1/shared-links/${NOWHERE}`, from));
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 429, 429]);
});
