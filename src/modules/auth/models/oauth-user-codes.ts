/** RFC 8628 6.1: consonants alone, so that no words come of it; 20^8 of them. */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const LENGTH = 8;

export function newUserCode(): string {
  let code = '';
  while (code.length < LENGTH) {
    const [byte = 255] = crypto.getRandomValues(new Uint8Array(1));
    // 240 is the largest multiple of 20 in a byte: every letter is as likely.
    if (byte < 240) code += ALPHABET[byte % ALPHABET.length];
  }
  return code;
}

export function formatUserCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/** As people type it: any case, with or without dash and spaces. Undefined when it cannot be one. */
export function parseUserCode(typed: string): string | undefined {
  const code = typed.slice(0, 100).toUpperCase().replaceAll(/[\s-]/g, '');
  return code.length === LENGTH && [...code].every((letter) => ALPHABET.includes(letter)) ? code : undefined;
}
