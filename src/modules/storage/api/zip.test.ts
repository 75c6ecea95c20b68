import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../local/s3/test-fault-proxy.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
let proxy: FaultProxy;
let user: TestUser;
beforeAll(async () => {
  system = await startTestSystem();
  proxy = await startFaultProxy(Number(new URL(String(system.env.S3_ENDPOINT)).port));
  user = await system.newUser();
}, 120_000);
afterEach(() => {
  proxy.fault = () => undefined;
});
afterAll(async () => {
  await proxy.close();
  await system.close();
});

const uuid = (id: string) => id.slice(id.indexOf('_') + 1);
const zip = (id: string, by = user) => by.call('GET', `/v1/files/${id}/zip`);
/** Path to content; folders end with a slash. */
const contents = (bytes: Uint8Array) =>
  Object.fromEntries(
    Object.entries(unzipSync(bytes)).map(([path, content]) => [path, new TextDecoder().decode(content)]),
  );

describe('a folder as one archive', () => {
  test('has every file and folder by its name, empty ones too, and the announced length', async () => {
    const root = await user.folder('top');
    const inner = await user.folder('ünder 🎉', root);
    await user.folder('empty', inner);
    await user.file('a.txt', 'one', root);
    await user.file('no content.txt', '', inner);
    await user.file('CON', 'device', inner);
    await user.file('-rf $(x) "q".txt', 'odd', inner);
    const gone = await user.file('trashed.txt', 'trashed', root);
    await user.call('DELETE', `/v1/files/${gone}`);
    const answer = await zip(root);
    expect(answer.headers.get('content-length')).toBe(String(answer.bytes.length));
    expect(answer.headers.get('content-type')).toBe('application/zip');
    expect(answer.headers.get('content-disposition')).toContain('filename="top.zip"');
    expect(answer.headers.get('cache-control')).toBe('private, no-store');
    expect(contents(answer.bytes)).toEqual({
      'top/': '',
      'top/a.txt': 'one',
      'top/ünder 🎉/': '',
      'top/ünder 🎉/empty/': '',
      'top/ünder 🎉/no content.txt': '',
      'top/ünder 🎉/CON': 'device',
      'top/ünder 🎉/-rf $(x) "q".txt': 'odd',
    });
    const head = await user.call('HEAD', `/v1/files/${root}/zip`);
    expect([head.bytes.length, head.headers.get('content-length')]).toEqual([0, String(answer.bytes.length)]);
  });

  test('is read by unzip, and begins with no place of Windows', async () => {
    const root = await user.folder('C:');
    await user.file('x.txt', 'x', root);
    const { bytes } = await zip(root);
    expect(Object.keys(contents(bytes))).toEqual(['C_/', 'C_/x.txt']);
    const folder = await mkdtemp(join(tmpdir(), 'zip-'));
    await writeFile(join(folder, 'a.zip'), bytes);
    const { execFileSync } = await import('node:child_process');
    execFileSync('python3', ['-m', 'zipfile', '-e', join(folder, 'a.zip'), folder]);
    expect((await readdir(folder)).sort()).toEqual(['C_', 'a.zip']);
    expect(await readFile(join(folder, 'C_/x.txt'), 'utf8')).toBe('x');
    await rm(folder, { recursive: true });
  });

  test('has what was moved into an older folder at its new place', async () => {
    const older = await user.folder('older');
    const younger = await user.folder('younger');
    await user.file('late.txt', 'late', younger);
    await user.call('PATCH', `/v1/files/${younger}`, { json: { parentId: older } });
    const newest = await user.folder('newest');
    await user.call('PATCH', `/v1/files/${older}`, { json: { parentId: newest } });
    expect(Object.keys(contents((await zip(newest)).bytes)).sort()).toEqual([
      'newest/',
      'newest/older/',
      'newest/older/younger/',
      'newest/older/younger/late.txt',
    ]);
  });

  test('leaves out what the caller does not get to see, with all below it', async () => {
    const member = await system.newUser();
    const driveId = await system.newWorkspace([
      [user, 'owner'],
      [member, 'member'],
    ]);
    const made = await user.call('POST', '/v1/folders', { json: { name: 'shared', driveId } });
    const secret = await user.folder('secret', made.body.id);
    await user.file('plan.txt', 'plan', secret);
    await user.file('open.txt', 'open', made.body.id);
    await system.query(`
      insert into storage.scopes (id, drive_id, parent_id)
        select f.id, f.drive_id, f.scope_id from storage.files f where f.id = '${uuid(secret)}'::uuid;
    `);
    await system.query(`update storage.files set scope_id = '${uuid(secret)}'::uuid
      where '${uuid(secret)}'::uuid in (id, parent_id)`);
    await system.query(`insert into storage.grants (id, file_id, principal_kind, principal_id, role, granted_by)
      values (gen_random_uuid(), '${uuid(secret)}'::uuid, 'user', '${uuid(member.id)}'::uuid, 'none', '${uuid(user.id)}'::uuid)`);
    const names = async (by: TestUser) => Object.keys(contents((await zip(made.body.id, by)).bytes)).sort();
    expect(await names(member)).toEqual(['shared/', 'shared/open.txt']);
    expect(await names(user)).toEqual([
      'shared/',
      'shared/open.txt',
      'shared/secret/',
      'shared/secret/plan.txt',
    ]);
  });

  test('is not to be had of a file, of nothing, or of a folder with a file that is locked away', async () => {
    const file = await user.file('single.txt');
    expect((await zip(file)).body.code).toBe('not_a_folder');
    expect((await zip(`file_${'0'.repeat(32)}`)).body.code).toBe('file_not_found');
    const root = await user.folder('ill');
    const ill = await user.file('virus.txt', 'virus', root);
    await system.query(`update storage.objects o set state = 'infected' from storage.versions v
      where v.object_id = o.id and v.file_id = '${uuid(ill)}'::uuid`);
    const refused = await zip(root);
    expect(refused.body.code).toBe('content_infected');
    expect(refused.body.detail).toContain('ill/virus.txt');
  });

  test('of more than ten thousand entries is refused before its first byte', async () => {
    const root = await user.folder('many');
    await system.query(`
      insert into storage.files (id, drive_id, parent_id, scope_id, kind, name, name_key, created_by)
      select gen_random_uuid(), f.drive_id, f.id, f.scope_id, 'folder', 'n' || n, 'n' || n, f.created_by
      from storage.files f, generate_series(1, 10000) n where f.id = '${uuid(root)}'::uuid`);
    const full = await user.call('HEAD', `/v1/files/${root}/zip`);
    expect(full.status).toBe(200);
    await user.folder('one more', root);
    const refused = await zip(root);
    expect([refused.status, refused.body.code]).toEqual([409, 'too_many_entries']);
  }, 60_000);

  test('of more bytes than it can hold is refused before its first byte', async () => {
    const root = await user.folder('huge');
    const file = await user.file('huge.bin', 'x', root);
    await system.query(`update storage.objects o set size = 20::bigint * 1024 * 1024 * 1024 from storage.versions v
      where v.object_id = o.id and v.file_id = '${uuid(file)}'::uuid`);
    expect((await zip(root)).body.code).toBe('zip_too_large');
  });
});

describe('an archive under way', () => {
  async function folderOf(name: string, files: readonly Uint8Array<ArrayBuffer>[]) {
    const root = await user.folder(name);
    const ids: string[] = [];
    for (const [index, content] of files.entries())
      ids.push((await user.upload(`${index}.bin`, content, { parentId: root })).body.id);
    return { root, ids };
  }
  const request = (id: string) =>
    new Request(`https://api.test/v1/files/${id}/zip`, {
      headers: { authorization: `Bearer ${user.token}` },
    });
  const keyOf = async (id: string) => {
    const [row] =
      await system.query(`select o.key from storage.objects o join storage.versions v on v.object_id = o.id
      where v.file_id = '${uuid(id)}'::uuid`);
    return String(row?.key);
  };
  const tens = () => new Uint8Array(10_000).fill(7);

  test('in which bytes turn out to be missing ends in an error', async () => {
    const { root, ids } = await folderOf('gap', [tens(), tens(), tens()]);
    await system.store.delete(await keyOf(ids[1] ?? ''));
    const answer = await system.fetch(request(root));
    expect(answer.status).toBe(200);
    await expect(answer.arrayBuffer()).rejects.toThrow();
  });

  test('in which a file breaks off ends in an error', async () => {
    const { root, ids } = await folderOf('broken', [tens(), tens()]);
    const key = await keyOf(ids[1] ?? '');
    proxy.fault = (method, path) =>
      method === 'GET' && path.includes(key) ? { kind: 'cut', afterBytes: 500 } : undefined;
    const answer = await system.withEnv({ S3_ENDPOINT: proxy.endpoint }).fetch(request(root));
    await expect(answer.arrayBuffer()).rejects.toThrow();
  });

  test('fetches one file at a time, and nothing more once its reader is gone', async () => {
    const large = new Uint8Array(4 * 1024 * 1024);
    const { root } = await folderOf('long', [large, large, large, large]);
    const before = proxy.requests.length;
    const answer = await system.withEnv({ S3_ENDPOINT: proxy.endpoint }).fetch(request(root));
    const reader = answer.body?.getReader();
    await reader?.read();
    await reader?.read();
    await reader?.read();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(proxy.requests.length - before).toBe(1);
    await reader?.cancel();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const sent = proxy.bytesSent;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([proxy.bytesSent - sent, proxy.requests.length - before]).toEqual([0, 1]);
  });
});
