import type { Keyring } from '../../../core/security/keyring.ts';
import { hashSecret } from '../../../core/security/secret.ts';

/** What a ticket is for: another link, and the same one under another password, need another ticket. */
export interface TicketSubject {
  readonly id: string;
  readonly passwordHash: string;
}

export interface LinkTickets {
  issue(link: TicketSubject): Promise<{ readonly ticket: string; readonly expiresAt: string }>;
  isValid(link: TicketSubject, ticket: string): Promise<boolean>;
}

const LIFETIME_SECONDS = 3_600;
const FORMAT = /^(\d{1,12})\.([A-Za-z0-9_-]{43})$/;

/**
 * The proof that somebody has given the password of a link, for an hour: `expiry.mac`, the expiry in seconds since
 * 1970. It goes into the query, for `<img src>` and downloads by the browser, which have no headers.
 *
 * @param now milliseconds since 1970
 */
export function createLinkTickets(keyring: Keyring, now: () => number): LinkTickets {
  const macs = ({ id, passwordHash }: TicketSubject, expiry: string) =>
    keyring.macs('link ticket', `${id} ${hashSecret(passwordHash)} ${expiry}`);

  return {
    async issue(link) {
      const expiry = Math.floor(now() / 1_000) + LIFETIME_SECONDS;
      const [mac] = await macs(link, String(expiry));
      return { ticket: `${expiry}.${mac}`, expiresAt: new Date(expiry * 1_000).toISOString() };
    },
    async isValid(link, ticket) {
      const [, expiry, mac] = FORMAT.exec(ticket) ?? [];
      if (expiry === undefined || mac === undefined || Number(expiry) * 1_000 <= now()) return false;
      // Hashes are compared: how long that takes tells nothing about the MAC.
      const given = hashSecret(mac);
      return (await macs(link, expiry)).some((valid) => hashSecret(valid) === given);
    },
  };
}
