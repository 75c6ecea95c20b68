import { describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, type Client, createClient, problemOf, refusal, textOf } from './harness/client.ts';
import { query } from './harness/database.ts';
import { makeFolder, upload } from './harness/files.ts';
import type { Answer } from './harness/guarantees.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const linkSchema = z.looseObject({ id: z.string(), token: z.string() });

/** A folder with a file and a folder in it, next to a file that the link does not lead to. */
async function shared(settings: object = {}) {
  const { api: mine } = await newAccount(api);
  const outside = await makeFolder(mine, 'outside');
  const sibling = await upload(mine, 'sibling.txt', 'not for you', outside.id);
  const folder = await makeFolder(mine, 'given', outside.id);
  const file = await upload(mine, 'given.txt', 'for you', folder.id);
  const made = await mine.call('POST', `/v1/files/${folder.id}/links`, {
    json: { mode: 'download', ...settings },
  });
  const { id, token } = bodyOf(made, 201, linkSchema);
  return { mine, outside, sibling, folder, file, id, token };
}

const visit = (token: string, rest = '', options: Parameters<Client['call']>[2] = {}) =>
  api.call('GET', `/v1/shared-links/${token}${rest}`, options);
const likeNone = (answer: Answer) => JSON.stringify({ ...problemOf(answer), requestId: '' });
const NOBODYS = `file_${'0'.repeat(31)}1`;

describe('a link', () => {
  it('carries at least 128 bits that nobody could guess, and none of them is kept', async () => {
    const { token } = await shared();
    expect(Buffer.from(token, 'base64url').byteLength).toBeGreaterThanOrEqual(16);
    const kept = await query(installation, 'select to_jsonb(l)::text as row from storage.links l');
    expect(kept.filter(({ row }) => String(row).includes(token))).toEqual([]);
  });

  it('leads to its subtree only: what is beside and above it does not exist', async () => {
    const { token, file, sibling, outside } = await shared();
    expect(textOf(await visit(token, `/files/${file.id}/content`))).toBe('for you');
    for (const rest of ['', '/content', '/zip', '/thumbnail']) {
      const nothing = likeNone(await visit(token, `/files/${NOBODYS}${rest}`));
      for (const { id } of [sibling, outside])
        expect(likeNone(await visit(token, `/files/${id}${rest}`)), rest).toBe(nothing);
    }
    const list = likeNone(await visit(token, `/files?parentId=${NOBODYS}`));
    expect(likeNone(await visit(token, `/files?parentId=${outside.id}`))).toBe(list);
    for (const path of [`/files/..%2f${sibling.id}`, `/files/${file.id}%2f..%2f${sibling.id}/content`])
      expect([400, 404], path).toContain((await visit(token, path)).status);
  });

  it('of ten downloads lets exactly ten of a hundred at once through', async () => {
    const { token, file } = await shared({ maxDownloads: 10 });
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => visit(token, `/files/${file.id}/content`)),
    );
    const count = (wanted: string) => answers.filter((answer) => refusal(answer) === wanted).length;
    expect([count('200'), count('410 link_used_up')]).toEqual([10, 90]);
  });

  it('that was tampered with, revoked, or never was, is one and the same nothing', async () => {
    const { mine, token, id, file } = await shared();
    const rest = `/files/${file.id}/content`;
    const nothing = likeNone(await visit('A'.repeat(43), rest));
    const flipped = `${token.startsWith('A') ? 'B' : 'A'}${token.slice(1)}`;
    for (const wrong of [flipped, token.slice(0, -1), `${token}A`, token.toUpperCase()])
      expect(likeNone(await visit(wrong, rest)), wrong).toBe(nothing);
    expect((await visit(token, rest)).status).toBe(200);
    expect((await mine.call('DELETE', `/v1/links/${id}`)).status).toBe(204);
    expect(likeNone(await visit(token, rest))).toBe(nothing);
  });

  it('ends at its hour', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const { token, id, file } = await shared({ expiresAt });
    expect((await visit(token, `/files/${file.id}`)).status).toBe(200);
    await query(
      installation,
      `update storage.links set expires_at = now() - interval '1 ms' where id = $1::uuid`,
      [id.slice(4)],
    );
    for (const rest of ['', '/files', `/files/${file.id}`, `/files/${file.id}/content`])
      expect(refusal(await visit(token, rest)), rest).toBe('410 link_expired');
  });

  it('with a password opens with its ticket, and with no other link’s', async () => {
    const [one, other] = [await shared({ password: 'open sesame' }), await shared({ password: 'sesame' })];
    const rest = `/files/${one.file.id}/content`;
    expect(refusal(await visit(one.token, rest))).toBe('403 link_password_required');
    const unlock = (token: string, password: string) =>
      api.call('POST', `/v1/shared-links/${token}/unlock`, { json: { password } });
    expect(refusal(await unlock(one.token, 'sesame'))).toBe('403 link_password_wrong');
    const ticketOf = async (token: string, password: string) =>
      bodyOf(await unlock(token, password), 200, z.looseObject({ ticket: z.string() })).ticket;
    const [mine, theirs] = [await ticketOf(one.token, 'open sesame'), await ticketOf(other.token, 'sesame')];
    expect(textOf(await visit(one.token, `${rest}?ticket=${encodeURIComponent(mine)}`))).toBe('for you');
    expect(refusal(await visit(one.token, `${rest}?ticket=${encodeURIComponent(theirs)}`))).toBe(
      '403 link_password_required',
    );
  });

  it('writes nothing, and is no credential anywhere else', async () => {
    const { token, folder, file } = await shared();
    const drop = await api.call('POST', `/v1/shared-links/${token}/files?name=planted`, { body: 'x' });
    expect(refusal(drop)).toBe('403 link_mode_refused');
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const answer = await api.call(method, `/v1/shared-links/${token}/files/${file.id}`, { json: {} });
      expect(refusal(answer), method).toBe('405 method_not_allowed');
    }
    for (const path of [`/v1/files/${file.id}`, `/v1/files?parentId=${folder.id}`])
      expect(refusal(await api.as(token).call('GET', path)), path).toBe('401 unauthorized');
  });
});
