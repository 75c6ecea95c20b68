import { expect, test } from 'vitest';
import { createKeyring, keyringSchema } from '../../../core/security/keyring.ts';
import { createLinkTickets } from './link-tickets.ts';

test('a ticket is over after an hour', async () => {
  let now = Date.UTC(2026, 10, 3);
  const keyring = createKeyring(keyringSchema.parse(`k1:${'A'.repeat(43)}`));
  const tickets = createLinkTickets(keyring, () => now);
  const link = { id: 'lnk_one', passwordHash: 'hash' };
  const { ticket, expiresAt } = await tickets.issue(link);
  expect(expiresAt).toBe('2026-11-03T01:00:00.000Z');
  now += 3_600_000 - 1;
  expect(await tickets.isValid(link, ticket)).toBe(true);
  now += 1;
  expect(await tickets.isValid(link, ticket)).toBe(false);
});
