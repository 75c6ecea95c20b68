import { isHeic } from '../../images.ts';
import type { ReadingLimits } from '../../limits.ts';
import { type ExtractedText, UnreadableError } from '../document.ts';
import { explainEnd, type Look } from '../pictures/picture.ts';

/** Properties of a picture and the text that is seen in it, mostly none. */
export async function readPicture(
  contentType: string,
  { pictures }: ReadingLimits,
  look: Look,
): Promise<ExtractedText> {
  const sight = await look({ kind: 'picture', contentType, milliseconds: pictures.pictureMilliseconds });
  if (sight.refusal !== undefined) throw new UnreadableError(sight.refusal);
  if (sight.image === undefined)
    throw new UnreadableError(`The picture could not be decoded: ${explainEnd(sight)}.`);
  const text = sight.pages.map((page) => page.text).join('\n\n');
  const ocrPages = text === '' ? {} : { ocrPages: 1 };
  const metadata = { image: sight.image, ...ocrPages };
  const truncated = describeCut(contentType, sight.end === 'done' ? undefined : explainEnd(sight));
  return { text, metadata, isReadWithoutText: true, ...(truncated === undefined ? {} : { truncated }) };
}

function describeCut(contentType: string, why: string | undefined): string | undefined {
  if (isHeic(contentType)) return 'Only its properties were read: HEIC pictures cannot be decoded here.';
  return why === undefined ? undefined : `Only its properties were read. Recognising text: ${why}.`;
}
