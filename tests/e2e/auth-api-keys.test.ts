import { beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { newApiKey } from '../../src/core/security/api-key.ts';
import { bodyOf, type Client, createClient, refusal } from './harness/client.ts';
import { query, tablesWith } from './harness/database.ts';
import { upload } from './harness/files.ts';
import { newPrincipal, type TestPrincipal } from './harness/principals.ts';
import { until } from './harness/until.ts';
import { apiKeySchema, newApiKeySchema, workspaceSchema } from './harness/wire.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const KEYS = '/v1/auth/api-keys';

let person: TestPrincipal;
let mine: Client;

beforeAll(async () => {
  person = await newPrincipal(installation);
  mine = api.as(person.token);
});

const make = async (json: object = {}) => {
  const answer = await mine.call('POST', KEYS, {
    json: { name: 'key', scopes: ['files:read'], ...json },
  });
  return bodyOf(answer, 201, newApiKeySchema);
};
const refusedSoon = (key: string, expected = '401 unauthorized') =>
  until(
    async () => refusal(await api.as(key).call('GET', '/v1/files')),
    (answer) => answer === expected,
    { withinMs: 10_000, everyMs: 50, what: 'the key to be refused' },
  );

describe('an API key', () => {
  it('is shown once, and is nowhere in the database', async () => {
    const { key, id, prefix } = await make();
    expect(key.startsWith(prefix)).toBe(true);
    expect(await tablesWith(installation, key)).toEqual([]);
    expect(await tablesWith(installation, key.slice(4, 47))).toEqual([]);
    const again = await mine.call('GET', `${KEYS}/${id}`);
    bodyOf(again, 200, apiKeySchema);
    expect(new TextDecoder().decode(again.bytes)).not.toContain(key);
  });

  it('opens what its scopes say, for its owner only', async () => {
    const file = await upload(mine, 'read-me.txt', 'read me');
    const { key } = await make();
    const robot = api.as(key);
    expect((await robot.call('GET', `/v1/files/${file.id}/content`)).status).toBe(200);
    expect(refusal(await robot.call('DELETE', `/v1/files/${file.id}`))).toBe('403 permission_denied');
    expect(refusal(await robot.call('GET', '/v1/search?q=read'))).toBe('403 permission_denied');
    const others = await upload(api.as((await newPrincipal(installation)).token), 'other.txt', 'x');
    expect(refusal(await robot.call('GET', `/v1/files/${others.id}`))).toBe('404 file_not_found');
  });

  it('never makes keys, changes the account, or proves who somebody is', async () => {
    const { key } = await make({ scopes: ['account:read', 'files:write', 'files:read'] });
    const robot = api.as(key);
    const json = { name: 'child', scopes: ['files:read'] };
    expect((await robot.call('POST', KEYS, { json })).status).toBe(403);
    expect((await robot.call('POST', '/v1/auth/password', { json: {} })).status).toBe(403);
    expect((await robot.call('GET', '/v1/auth/me/export')).status).toBe(403);
    expect((await robot.call('POST', '/v1/auth/step-up', { json: { password: 'x' } })).status).toBe(403);
  });

  it('cannot have a scope that does not exist or is not for keys', async () => {
    for (const scopes of [[], ['nothing:read'], ['users:write'], ['signing-keys:write']]) {
      const answer = await mine.call('POST', KEYS, { json: { name: 'key', scopes } });
      expect(refusal(answer), String(scopes)).toMatch(/^40[03] (invalid_request|permission_denied)$/);
    }
  });

  it('works from its networks only', async () => {
    const elsewhere = await make({ allowedNetworks: ['203.0.113.0/24', '2001:db8::/32'] });
    expect(refusal(await api.as(elsewhere.key).call('GET', '/v1/files'))).toBe('403 network_not_allowed');
    const spoofed = await api.as(elsewhere.key).call('GET', '/v1/files', {
      headers: { 'x-forwarded-for': '203.0.113.9', 'x-client-address': '203.0.113.9' },
    });
    expect(refusal(spoofed)).toBe('403 network_not_allowed');
    const here = await make({ allowedNetworks: ['127.0.0.0/8'] });
    expect((await api.as(here.key).call('GET', '/v1/files')).status).toBe(200);
  });

  it('that is revoked, expired, or whose owner is disabled stops opening anything', async () => {
    const [revoked, expired, orphan] = [await make(), await make(), await make()];
    for (const { key } of [revoked, expired, orphan])
      expect((await api.as(key).call('GET', '/v1/files')).status).toBe(200);
    expect((await mine.call('DELETE', `${KEYS}/${revoked.id}`)).status).toBe(204);
    await refusedSoon(revoked.key);
    await query(
      installation,
      `update auth.api_keys set expires_at = now() - interval '1 second' where id = $1::uuid`,
      [expired.id.slice(4)],
    );
    await refusedSoon(expired.key);
    const disable = (value: string) =>
      query(installation, `update auth.users set disabled_at = ${value} where id = $1::uuid`, [
        person.userId.slice(4),
      ]);
    await disable('now()');
    await refusedSoon(orphan.key);
    await disable('null');
  });

  it('that is rotated works on for as long as was asked for', async () => {
    const rotate = async (id: string, overlapSeconds: number) => {
      const answer = await mine.call('POST', `${KEYS}/${id}/rotate`, { json: { overlapSeconds } });
      return bodyOf(answer, 201, newApiKeySchema);
    };
    const kept = await make();
    const successor = await rotate(kept.id, 60);
    expect(successor.replaces).toBe(kept.id);
    for (const { key } of [kept, successor])
      expect((await api.as(key).call('GET', '/v1/files')).status).toBe(200);
    const cut = await make();
    const next = await rotate(cut.id, 0);
    await refusedSoon(cut.key);
    expect((await api.as(next.key).call('GET', '/v1/files')).status).toBe(200);
  });

  it('that nobody gave out is refused, also with the right checksum', async () => {
    for (const key of [newApiKey(), `acs_${'A'.repeat(51)}`, 'acs_', `${(await make()).key}x`])
      expect(refusal(await api.as(key).call('GET', '/v1/files')), key).toBe('401 unauthorized');
  });
});

describe('a service account', () => {
  it('acts by its keys, within its workspace’s roles, and stops with its removal', async () => {
    const made = await mine.call('POST', '/v1/workspaces', { json: { name: 'Robots' } });
    const { id } = bodyOf(made, 201, workspaceSchema);
    const accounts = `/v1/workspaces/${id}/service-accounts`;
    const created = await mine.call('POST', accounts, { json: { name: 'Importer' } });
    const robot = bodyOf(created, 201, z.looseObject({ id: z.string().regex(/^usr_/) }));
    const json = { name: 'key', scopes: ['files:read', 'files:write', 'account:read'] };
    const issued = await mine.call('POST', `${accounts}/${robot.id}/keys`, { json });
    const { key } = bodyOf(issued, 201, newApiKeySchema);
    const me = await api.as(key).call('GET', '/v1/auth/me');
    expect(JSON.parse(new TextDecoder().decode(me.bytes))).toMatchObject({ id: robot.id, kind: 'service' });
    await upload(api.as(key), 'imported.txt', 'x');
    expect((await mine.call('DELETE', `${accounts}/${robot.id}`)).status).toBe(204);
    await refusedSoon(key);
  });
});
