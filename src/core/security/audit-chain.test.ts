import { expect, test } from 'vitest';
import { CHAIN_START, type ChainedEvent, canonicalJson, chainHash } from './audit-chain.ts';

const event: ChainedEvent = {
  sequence: 1,
  id: 7,
  occurredAt: '2026-01-02T03:04:05.006Z',
  actorKind: 'person',
  actorId: 'usr_1',
  credentialId: null,
  action: 'session.open',
  objectKind: null,
  objectId: null,
  workspaceId: null,
  result: 'failure',
  reason: 'line\r\nend "quoted" \u2028 ü 🎉',
  address: '203.0.113.7',
  requestId: null,
  details: { zeta: 1, '10': true, '9': null, alpha: 'a' },
};

const CANONICAL =
  '{"sequence":1,"id":7,"occurredAt":"2026-01-02T03:04:05.006Z","actorKind":"person","actorId":"usr_1",' +
  '"credentialId":null,"action":"session.open","objectKind":null,"objectId":null,"workspaceId":null,' +
  '"result":"failure","reason":"line\\r\\nend \\"quoted\\" \u2028 ü 🎉","address":"203.0.113.7","requestId":null,' +
  '"details":{"10":true,"9":null,"alpha":"a","zeta":1}}';

test('an entry is written in the bytes of docs/audit.md, whatever the order its fields came in', () => {
  expect(canonicalJson(event)).toBe(CANONICAL);
  const shuffled = Object.fromEntries(Object.entries(event).toReversed());
  expect(
    canonicalJson({ ...event, ...shuffled, details: { alpha: 'a', '9': null, zeta: 1, '10': true } }),
  ).toBe(CANONICAL);
});

test('the hash covers what is before, and every field', async () => {
  const bytes = new TextEncoder().encode(`${'0'.repeat(64)}\n${CANONICAL}`);
  const digest = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
  const hash = chainHash(CHAIN_START.hash, event);
  expect(hash).toBe(digest);
  expect(chainHash(hash, event)).not.toBe(hash);
  for (const field of Object.keys(event)) {
    const changed = { ...event, [field]: field === 'details' ? { alpha: 'a' } : 'changed' };
    expect(chainHash(CHAIN_START.hash, changed), field).not.toBe(hash);
  }
});
