import { jwtVerify, SignJWT } from 'jose';

/** Who may call whom without a person behind the call. */
export type ServiceName = 'gateway' | 'auth' | 'storage' | 'ai' | 'sidecar';

const LIFETIME_SECONDS = 60;
const TOKEN_TYPE = 'svc+jwt';

const key = (secret: string) => new TextEncoder().encode(secret);

/** `new,old`: the first secret signs, all of them verify, so that it can be changed without a refused call. */
const secretsOf = (secret: string): readonly string[] => secret.split(',').map((one) => one.trim());

/**
 * A short-lived HS256 token for one hop between our own services. `typ` keeps it apart from access tokens
 * (RFC 8725 3.11) and `aud` names the only service that will take it.
 */
export function signServiceToken(
  secret: string,
  from: ServiceName,
  to: ServiceName,
  now: Date,
): Promise<string> {
  const issuedAt = Math.floor(now.getTime() / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: TOKEN_TYPE })
    .setSubject(from)
    .setAudience(to)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + LIFETIME_SECONDS)
    .sign(key(secretsOf(secret)[0] ?? ''));
}

/** The calling service's name, or undefined when the token is not a valid service token for `audience`. */
export async function verifyServiceToken(
  secret: string,
  token: string,
  audience: ServiceName,
  now: Date,
): Promise<string | undefined> {
  for (const one of secretsOf(secret)) {
    const caller = await verifyWith(one, token, audience, now);
    if (caller !== undefined) return caller;
  }
  return undefined;
}

async function verifyWith(
  secret: string,
  token: string,
  audience: ServiceName,
  now: Date,
): Promise<string | undefined> {
  try {
    const { payload } = await jwtVerify(token, key(secret), {
      algorithms: ['HS256'],
      typ: TOKEN_TYPE,
      audience,
      requiredClaims: ['sub', 'exp'],
      clockTolerance: 30,
      currentDate: now,
    });
    return payload.sub;
  } catch {
    return undefined;
  }
}
