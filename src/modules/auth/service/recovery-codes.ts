/** Crockford's base32: no letter that reads like a digit. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const BITS = 5;
const GROUP = 5;

/**
 * A recovery code of these bytes: 128 bits are 26 characters. That is more than the 112 bits from which on a fast
 * hash is enough (OWASP ASVS 6.5.2).
 */
export function toRecoveryCode(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const digits = bits.match(/.{1,5}/g) ?? [];
  const text = digits.map((digit) => ALPHABET[Number.parseInt(digit.padEnd(BITS, '0'), 2)]).join('');
  return (text.match(new RegExp(`.{1,${GROUP}}`, 'g')) ?? []).join('-');
}

/** What a person typed as it was printed: case and spacing do not count, nor letters that look like digits. */
export function normalizeRecoveryCode(typed: string): string {
  return typed.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll(/[IL]/g, '1').replaceAll('O', '0');
}
