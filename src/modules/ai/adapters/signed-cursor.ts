import { createHmac, timingSafeEqual } from 'node:crypto';
import { fromBase64Url, toBase64Url } from '../../../core/security/secret.ts';
import type { Seal } from '../ports/search.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const MAC_BYTES = 16;

/** HMAC-SHA-256 (RFC 2104), cut to 128 bits, over payload and context; the key is for this purpose alone. */
export function createSeal(secret: string): Seal {
  const key = createHmac('sha256', utf8(secret)).update(utf8('search-cursor')).digest();
  const macOf = (payload: string, context: string) =>
    createHmac('sha256', key)
      .update(utf8(JSON.stringify([context, payload])))
      .digest()
      .slice(0, MAC_BYTES);
  return {
    close(payload, context) {
      return `${toBase64Url(macOf(payload, context))}.${toBase64Url(utf8(payload))}`;
    },
    open(sealed, context) {
      const [mac = '', body = ''] = sealed.split('.');
      try {
        const payload = new TextDecoder().decode(fromBase64Url(body));
        const given = fromBase64Url(mac);
        if (given.length !== MAC_BYTES || !timingSafeEqual(given, macOf(payload, context))) return undefined;
        return payload;
      } catch {
        return undefined;
      }
    },
  };
}
