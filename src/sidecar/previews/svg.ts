import { decodeText } from '../reading/decode.ts';
import { PreviewError } from './preview.ts';

const DECLARATIONS =
  /<!ENTITY\s+(?:%|\S+\s+(?:SYSTEM|PUBLIC)\b)|<\?xml-stylesheet\b|http:\/\/www\.w3\.org\/2001\/XInclude/i;
const CSS = /@import\b|url\(\s*(?:(?:["']|&quot;|&apos;|&#3[49];)\s*)?(?!["'&]|#|data:|\s|\))/i;
/** The name whole: of one with many ends each would be tried, and each to the end of the tag. */
const LINKS = /<([\w:-]+)(?![\w:-])[^<>]*?\s(?:\w+:)?href\s*=\s*(?:"([^"]*)"|'([^']*)')/gi;

/**
 * Refuses a drawing that needs anything from outside: entities, stylesheets, pictures, fonts. librsvg would not fetch
 * them either; a person should know why there is no preview, in place of one with holes.
 * @throws PreviewError
 */
export function refuseOutsideReferences(bytes: Uint8Array): void {
  const text = decodeText(bytes);
  if (DECLARATIONS.test(text) || CSS.test(text) || hasOutsideLink(text)) {
    throw new PreviewError('The drawing refers to something outside of itself, which is not fetched.');
  }
}

function hasOutsideLink(text: string): boolean {
  for (const [, element = '', quoted, apostrophed] of text.matchAll(LINKS)) {
    // What a hyperlink leads to is not part of the picture.
    if (/^(?:\w+:)?a$/i.test(element)) continue;
    if (!/^\s*(?:#|data:|$)/i.test(quoted ?? apostrophed ?? '')) return true;
  }
  return false;
}
