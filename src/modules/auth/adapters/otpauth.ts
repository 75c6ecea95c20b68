import { createHmac } from 'node:crypto';
import { Secret, TOTP } from 'otpauth/bare';
import type { OneTimePasswords } from '../ports/mfa.ts';

const STEP_MS = 30_000;
/** The code of the step before still counts for this long: clocks differ, and people type. */
const GRACE_MS = 10_000;
const SECRET_BYTES = 20;
const DIGITS = 6;

/** `otpauth/bare` brings no hash of its own: the runtime has one. */
export function createOtpauth(issuer: string): OneTimePasswords {
  const totp = (secret: string, label = '') =>
    new TOTP({
      issuer,
      label,
      algorithm: 'SHA1',
      digits: DIGITS,
      period: STEP_MS / 1000,
      secret: Secret.fromBase32(secret),
      hmac: (_algorithm, key, message) => createHmac('sha1', key).update(message).digest(),
    });
  return {
    newSecret: () => new Secret({ size: SECRET_BYTES }).base32,
    uri: (secret, account) => totp(secret, account).toString(),
    matchingStep(secret, code, at) {
      const atMs = at.getTime();
      const current = Math.floor(atMs / STEP_MS);
      const steps = atMs - current * STEP_MS < GRACE_MS ? [current, current - 1] : [current];
      const generator = totp(secret);
      return steps.find(
        (step) => generator.validate({ token: code, timestamp: step * STEP_MS, window: 0 }) === 0,
      );
    },
  };
}
