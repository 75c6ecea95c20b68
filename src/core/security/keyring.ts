import { z } from 'zod';
import { fromBase64Url, toBase64Url } from './secret.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const FORMAT = /^v1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/** `id:key,id:key`, keys of 32 bytes in base64url; the first seals, all of them open. */
export const keyringSchema = z.string().transform((text, context) => {
  const keys = text.split(',').map((entry) => /^\s*([A-Za-z0-9_-]+):([A-Za-z0-9_-]{43})=?\s*$/.exec(entry));
  const parsed = keys.flatMap((match) => (match?.[1] && match[2] ? [{ id: match[1], key: match[2] }] : []));
  const ids = new Set(parsed.map(({ id }) => id));
  if (parsed.length !== keys.length || ids.size !== parsed.length) {
    context.addIssue('must be a list of id:key with keys of 32 bytes in base64url, for example k1:…,k0:…');
    return z.NEVER;
  }
  return parsed;
});
export type KeyringKeys = z.output<typeof keyringSchema>;

/**
 * Keeps secrets that have to be read again (TOTP secrets, signing keys, e-mails on their way) under keys that are not
 * in the database. Rotation: put a new key first, keep the old ones until nothing is sealed with them.
 */
export interface Keyring {
  /** AES-256-GCM. `context` says what and whose it is: sealed text moved elsewhere does not open. */
  seal(context: string, plaintext: string): Promise<string>;
  /** @throws when the key is gone, or text or context are not what was sealed. */
  open(context: string, sealed: string): Promise<string>;
  /** What is sealed under the current key begins with this; the rest can be sealed anew (docs/secrets.md). */
  readonly currentPrefix: string;
  /** HMAC-SHA-256 under each key, the current one first, base64url. */
  macs(context: string, message: string): Promise<readonly string[]>;
}

export function createKeyring(keys: KeyringKeys): Keyring {
  const [current] = keys;
  if (current === undefined) throw new Error('the keyring is empty');

  // One key per use (HKDF), so that a MAC never shares a key with a cipher. Derived anew each time: a promise that is
  // kept would be awaited across requests, which workerd ends as a hang.
  const derive = async (key: string, use: 'seal' | 'mac') => {
    const material = await crypto.subtle.importKey('raw', fromBase64Url(key), 'HKDF', false, ['deriveKey']);
    const parameters = {
      name: 'HKDF',
      hash: 'SHA-256',
      salt: new Uint8Array(KEY_BYTES),
      info: new TextEncoder().encode(`acs ${use}`),
    };
    return use === 'seal'
      ? crypto.subtle.deriveKey(parameters, material, { name: 'AES-GCM', length: 256 }, false, [
          'encrypt',
          'decrypt',
        ])
      : crypto.subtle.deriveKey(parameters, material, { name: 'HMAC', hash: 'SHA-256', length: 256 }, false, [
          'sign',
        ]);
  };

  return {
    currentPrefix: `v1.${current.id}.`,
    async seal(context, plaintext) {
      const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
      const sealed = await crypto.subtle.encrypt(
        { name: 'AES-GCM', iv: nonce, additionalData: new TextEncoder().encode(context) },
        await derive(current.key, 'seal'),
        new TextEncoder().encode(plaintext),
      );
      return `v1.${current.id}.${toBase64Url(nonce)}.${toBase64Url(new Uint8Array(sealed))}`;
    },
    async open(context, sealed) {
      const [, id, nonce = '', text = ''] = FORMAT.exec(sealed) ?? [];
      const key = keys.find((candidate) => candidate.id === id);
      if (key === undefined) throw new Error(`there is no key ${id ?? ''} in the keyring`);
      const plaintext = await crypto.subtle.decrypt(
        { name: 'AES-GCM', iv: fromBase64Url(nonce), additionalData: new TextEncoder().encode(context) },
        await derive(key.key, 'seal'),
        fromBase64Url(text),
      );
      return new TextDecoder().decode(plaintext);
    },
    async macs(context, message) {
      const bytes = new TextEncoder().encode(`${context}\n${message}`);
      return Promise.all(
        keys.map(async ({ key }) =>
          toBase64Url(new Uint8Array(await crypto.subtle.sign('HMAC', await derive(key, 'mac'), bytes))),
        ),
      );
    },
  };
}
