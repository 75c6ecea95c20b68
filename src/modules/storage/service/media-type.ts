import type { StoredObject, Vault } from '../../../core/objects/vault.ts';
import { fits, hasSignature, hidesAnother, isText, kindOf } from './signatures.ts';

export interface MediaType {
  /** As it is served. */
  readonly contentType: string;
  /** What the client said, where the content is something else. */
  readonly announcedType: string | null;
}

export const UNKNOWN_TYPE = 'application/octet-stream';
const HEAD_BYTES = 4_096;
const HEAD_TIMEOUT_MS = 10_000;

/** Written by people, or for programs that read text. */
const TEXT =
  /^(text\/.+|message\/rfc822|image\/svg\+xml|.+\+(xml|json|yaml)|application\/(json|ld\+json|xml|xml-dtd|javascript|ecmascript|x-javascript|typescript|yaml|x-yaml|toml|sql|graphql|x-sh|x-httpd-php|x-ndjson|rtf))$/;
/** What a browser, or what it hands the file to, may run. */
const ACTIVE =
  /^(text\/(html|xml|xsl|javascript|ecmascript|x-.*script|vtt-script|cache-manifest)|image\/svg\+xml|.+\+xml|application\/(xml|xml-dtd|javascript|ecmascript|x-javascript|x-shockwave-flash|hta|x-httpd-php|x-sh))$/;
const PASSIVE = /^(image\/(png|apng|jpeg|gif|webp|avif|bmp|x-icon)|(audio|video)\/.+|text\/plain)$/;

/** Shown in a browser it is only looked at or listened to. @param contentType with or without parameters */
export const runsNothing = (contentType: string): boolean => PASSIVE.test(essenceOf(contentType));

export const isActive = (contentType: string): boolean => ACTIVE.test(essenceOf(contentType));

/**
 * The type to serve content as, by its first bytes (docs/limits.md, "Media types"): the announced one if it is not
 * refuted, else `application/octet-stream`. Nothing is ever served as something more active than it was announced as.
 *
 * @param head the first 4 KiB, or all there is
 */
export function typeOf(announced: string, head: Uint8Array): MediaType {
  const essence = essenceOf(announced);
  const kept = { contentType: announced, announcedType: null };
  const refuted = { contentType: UNKNOWN_TYPE, announcedType: announced };
  const kind = kindOf(head);
  if (essence === UNKNOWN_TYPE) {
    const told = kind !== undefined && runsNothing(kind.type) ? kind.type : UNKNOWN_TYPE;
    return { contentType: told, announcedType: null };
  }
  if (TEXT.test(essence)) {
    const isSomethingElse = isActive(essence) && (kind !== undefined || hidesAnother(head));
    return isText(head) && !isSomethingElse ? kept : refuted;
  }
  if (isActive(essence)) return refuted;
  if (kind !== undefined) return fits(essence, kind) ? kept : refuted;
  if (hasSignature(essence)) return refuted;
  // A picture or film of a kind that is not known here is at least no text, and nothing that could be run.
  return /^(image|audio|video)\//.test(essence) && isText(head) ? refuted : kept;
}

/** Looks at what is in the store. The bytes are kept whatever comes of it: unread they are of no known type. */
export function createMediaTypes(vault: Vault, onFailure: (object: StoredObject, error: unknown) => void) {
  return async (object: StoredObject, announced: string): Promise<MediaType> => {
    try {
      return typeOf(announced, object.size === 0 ? new Uint8Array() : await headOf(vault, object));
    } catch (error) {
      onFailure(object, error);
      return { contentType: UNKNOWN_TYPE, announcedType: announced === UNKNOWN_TYPE ? null : announced };
    }
  };
}

async function headOf(vault: Vault, object: StoredObject): Promise<Uint8Array> {
  const range = `bytes=0-${Math.min(HEAD_BYTES, object.size) - 1}`;
  const signal = AbortSignal.timeout(HEAD_TIMEOUT_MS);
  const answer = await vault.get(object, { range, signal });
  if (answer?.status !== 206) {
    await answer?.body?.cancel();
    throw new Error(`the head of ${object.id} could not be read`);
  }
  return new Uint8Array(await answer.arrayBuffer());
}

function essenceOf(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}
