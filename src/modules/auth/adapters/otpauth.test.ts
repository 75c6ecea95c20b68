import { describe, expect, test } from 'vitest';
import { createOtpauth } from './otpauth.ts';

const totp = createOtpauth('AI Cloud Storage');
/** RFC 6238 appendix B: the ASCII text 12345678901234567890. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const at = (seconds: number) => new Date(seconds * 1000);

describe('a one-time password', () => {
  test.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('at %d s is the one of RFC 6238', (seconds, code) => {
    expect(totp.matchingStep(SECRET, code, at(seconds))).toBe(Math.floor(seconds / 30));
  });

  test('counts in its 30 seconds and the 10 after them, not before and not longer', () => {
    // 287082 is the code of step 1, from second 30 to 60.
    const counts = (seconds: number) => totp.matchingStep(SECRET, '287082', at(seconds)) === 1;
    expect([29.9, 30, 59.9, 60, 69.9, 70, 90].map(counts)).toEqual([
      false,
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test.each(['', '28708', '2870820', '287 82', 'abcdef', '\u0662\u0668\u0667\u0660\u0668\u0662'])(
    'is not %j',
    (code) => {
      expect(totp.matchingStep(SECRET, code, at(59))).toBeUndefined();
    },
  );

  test('comes from a secret of 160 random bits', () => {
    const secrets = new Set(Array.from({ length: 50 }, () => totp.newSecret()));
    expect(secrets.size).toBe(50);
    for (const secret of secrets) expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  });

  test('names product and account to the app', () => {
    const uri = new URL(totp.uri(SECRET, 'a+b&issuer=evil@example.com'));
    expect(decodeURIComponent(uri.pathname)).toContain('AI Cloud Storage:a+b&issuer=evil@example.com');
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      issuer: 'AI Cloud Storage',
      secret: SECRET,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });
});
