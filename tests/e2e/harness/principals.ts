import { randomUUID } from 'node:crypto';
import { importJWK, SignJWT } from 'jose';
import { z } from 'zod';
import { newId } from '../../../src/core/database/columns.ts';
import { query } from './database.ts';
import type { Installation } from './global-setup.ts';

export interface PrincipalOptions {
  readonly role?: string;
  readonly kind?: 'person' | 'service';
  /** What the session may do, as for a grant to a program; everything that the role may unless told. */
  readonly scopes?: readonly string[];
  /** Seconds since they proved who they are. */
  readonly provenSecondsAgo?: number;
  /** Seconds until the token expires. */
  readonly expiresIn?: number;
}

export interface TestPrincipal {
  readonly userId: string;
  readonly sessionId: string;
  readonly token: string;
}

const uuid = (id: string) => id.slice(4);

/**
 * A user with a session, put straight into the database, and a token signed with the installation's key: for suites
 * that need hundreds of people, none of whom signs in. A service account has a workspace that it belongs to.
 */
export async function newPrincipal(
  installation: Installation,
  options: PrincipalOptions = {},
): Promise<TestPrincipal> {
  const { role = 'member', kind = 'person', scopes, provenSecondsAgo = 0, expiresIn = 300 } = options;
  const userId = newId('usr');
  const sessionId = newId('ses');
  await query(
    installation,
    `with person as (
       insert into auth.users (id, kind, email, email_verified_at, role, workspace_id)
       values ($1::uuid, $2, $3, now(), $4, case when $2 = 'service' then $8::uuid end)
     ), home as (
       insert into auth.workspaces (id, name) select $8::uuid, 'Home' where $2 = 'service'
     ), membership as (
       insert into auth.workspace_members (workspace_id, user_id, role)
       select $8::uuid, $1::uuid, 'member' where $2 = 'service'
     )
     insert into auth.sessions (id, user_id, scopes, authenticated_at, expires_at)
     values ($5::uuid, $1::uuid, $6::text[], now() - make_interval(secs => $7), now() + interval '1 day')`,
    [
      uuid(userId),
      kind,
      `${randomUUID()}@example.com`,
      role,
      uuid(sessionId),
      scopes === undefined ? null : `{${scopes.map((scope) => `"${scope}"`).join(',')}}`,
      provenSecondsAgo,
      uuid(newId('wsp')),
    ],
  );
  return { userId, sessionId, token: await signToken(installation, { userId, sessionId }, expiresIn) };
}

const keySetSchema = z.object({ keys: z.array(z.looseObject({ kid: z.string() })).min(1) });

/** An access token as the auth module signs them. */
export async function signToken(
  { signingKeys, issuer, audience }: Installation,
  { userId, sessionId }: { userId: string; sessionId: string },
  expiresIn: number,
): Promise<string> {
  const [jwk] = keySetSchema.parse(JSON.parse(signingKeys)).keys;
  if (jwk === undefined) throw new Error('the installation has no signing key');
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ sid: sessionId })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: jwk.kid })
    .setSubject(userId)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(Math.min(now, now + expiresIn - 1))
    .setExpirationTime(now + expiresIn)
    .sign(await importJWK(jwk, 'EdDSA'));
}
