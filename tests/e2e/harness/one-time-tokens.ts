import { hashSecret, newSecret } from '../../../src/core/security/secret.ts';
import { type DatabaseAddress, query } from './database.ts';

/** Everything that the product hands out to be used once (auth.one_time_tokens.purpose). */
export const PURPOSES = [
  'email-verification',
  'email-change',
  'email-change-undo',
  'password-reset',
  'mfa-sign-in',
  'passkey-registration',
  'passkey-sign-in',
  'oidc-state',
  'oidc-handoff',
  'oidc-link',
  'oauth-code',
  'oauth-consent',
  'browser-sign-in',
] as const;
export type Purpose = (typeof PURPOSES)[number];

/** A live token of this purpose, put straight into the database: nobody has to wait for an e-mail or a provider. */
export async function newOneTimeToken(
  database: DatabaseAddress,
  purpose: Purpose,
  userId: string,
  data: object = {},
): Promise<string> {
  const token = newSecret();
  await query(
    database,
    `insert into auth.one_time_tokens (purpose, token_hash, user_id, data, expires_at)
     values ($1, $2, $3::uuid, $4::jsonb, now() + interval '5 minutes')`,
    [purpose, hashSecret(token), userId.slice(4), JSON.stringify(data)],
  );
  return token;
}

/** Purposes of the user's tokens that were used or tried. */
export async function spentPurposes(database: DatabaseAddress, userId: string): Promise<unknown[]> {
  const rows = await query(
    database,
    `select purpose from auth.one_time_tokens where user_id = $1::uuid and (used_at is not null or attempts > 0)
     order by purpose`,
    [userId.slice(4)],
  );
  return rows.map(({ purpose }) => purpose);
}
