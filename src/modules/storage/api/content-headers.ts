import type { LiveContent } from '../service/content.ts';
import { etagOf } from '../service/entity-tags.ts';
import { runsNothing } from '../service/media-type.ts';

/**
 * How long a client may go by what it has. `revalidated`: it asks each time, and is told 304. `immutable`: the bytes
 * under this address never change. `never`: they are not for keeping (links).
 */
export type Keeping = 'revalidated' | 'immutable' | 'never';

export interface Presentation {
  readonly keeping: Keeping;
  /** To be shown in the browser; only kinds that run nothing are. */
  readonly inline: boolean;
}

const CACHE_CONTROL: Readonly<Record<Keeping, string>> = {
  revalidated: 'private, no-cache',
  immutable: 'private, max-age=86400, immutable',
  never: 'private, no-store',
};

/** What an answer without a body says too: 304 (RFC 9110, section 15.4.5). */
export function validatorHeaders({ version }: LiveContent, keeping: Keeping): Record<string, string> {
  return {
    'cache-control': CACHE_CONTROL[keeping],
    // Two people at one browser have one cache.
    vary: 'authorization, cookie',
    etag: etagOf(version),
    'last-modified': version.createdAt.toUTCString(),
  };
}

/**
 * Headers under which other people's bytes are safe to hand out: never sniffed, never run, and offered as a download
 * unless asked for otherwise (OWASP ASVS 5.0, 3.2.1 and 5.4.1).
 */
export function contentHeaders(
  content: LiveContent,
  { keeping, inline }: Presentation,
): Record<string, string> {
  const { contentType, object } = content.version;
  const shown = inline && runsNothing(contentType);
  return {
    ...validatorHeaders(content, keeping),
    'content-type': contentType,
    'content-disposition': disposition(shown ? 'inline' : 'attachment', content.name),
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    // What a browser needs to show one picture or film by itself.
    'content-security-policy': shown
      ? "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
      : "default-src 'none'; sandbox",
    'accept-ranges': 'bytes',
    ...(object.sha256 === null ? {} : { 'repr-digest': `sha-256=:${hexToBase64(object.sha256)}:` }),
  };
}

export const attachment = (name: string): string => disposition('attachment', name);

/** RFC 6266 with both forms of the name; the plain one for clients that do not know RFC 8187. */
function disposition(kind: 'attachment' | 'inline', name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function hexToBase64(hex: string): string {
  return btoa(String.fromCharCode(...(hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16))));
}
