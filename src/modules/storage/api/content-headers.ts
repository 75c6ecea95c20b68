import { etagOf, type LiveContent } from '../service/content.ts';

/**
 * Headers under which other people's bytes are safe to hand out: never sniffed, never run, always offered as
 * a download (OWASP ASVS 5.0, 3.2.1 and 5.4.1).
 */
export function contentHeaders({ name, version }: LiveContent): Record<string, string> {
  const { sha256 } = version.object;
  return {
    'content-type': version.contentType,
    'content-disposition': attachment(name),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    etag: etagOf(version),
    'last-modified': version.createdAt.toUTCString(),
    ...(sha256 === null ? {} : { 'repr-digest': `sha-256=:${hexToBase64(sha256)}:` }),
  };
}

/** RFC 6266 with both forms of the name; the plain one for clients that do not know RFC 8187. */
export function attachment(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function hexToBase64(hex: string): string {
  return btoa(String.fromCharCode(...(hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16))));
}
