import { type IAudioMetadata, parseFile, UnsupportedFileTypeError } from 'music-metadata';
import type { DocumentMetadata } from '../../../contracts/sidecar.ts';
import { type ExtractedText, line, oneLine, SkippedError, UnreadableError } from '../document.ts';

type MediaMetadata = NonNullable<DocumentMetadata['media']>;
type Tags = IAudioMetadata['common'];

const MOST_VALUES = 20;

/** Properties of a recording and the text of its tags; what is said or sung in it is not heard. */
export async function readMedia(path: string): Promise<ExtractedText> {
  const { common, format } = await parse(path);
  const { duration, codec, bitrate } = format;
  const media: MediaMetadata = {
    ...readTags(common),
    ...(isAmount(duration) ? { durationSeconds: Math.round(duration * 1_000) / 1_000 } : {}),
    ...property('codec', codec),
    ...(isAmount(bitrate) ? { bitrate: Math.round(bitrate) } : {}),
  };
  return {
    text: textOf(common),
    metadata: { ...line('title', common.title), media },
    isReadWithoutText: true,
  };
}

async function parse(path: string): Promise<IAudioMetadata> {
  try {
    return await parseFile(path, { skipCovers: true });
  } catch (error) {
    if (error instanceof UnsupportedFileTypeError)
      throw new SkippedError('Recordings of this type cannot be read yet.');
    throw new UnreadableError('The recording is damaged or incomplete.', { cause: error });
  }
}

function readTags({ artist, album, track, year, genre }: Tags): MediaMetadata {
  const genres = (genre ?? []).slice(0, MOST_VALUES).map(oneLine).filter(Boolean);
  return {
    ...property('artist', artist),
    ...property('album', album),
    ...(Number.isSafeInteger(track.no) && track.no !== null ? { track: track.no } : {}),
    ...(year !== undefined && Number.isSafeInteger(year) ? { year } : {}),
    ...(genres.length > 0 ? { genres } : {}),
  };
}

/** What somebody may search for; every text once, lyrics last. */
function textOf(tags: Tags): string {
  const lyrics = (tags.lyrics ?? []).map(
    ({ text, syncText }) => text ?? syncText.map((part) => part.text).join('\n'),
  );
  const texts = [
    tags.title,
    tags.subtitle?.join('\n'),
    tags.artists?.join(', ') ?? tags.artist,
    tags.album,
    tags.albumartist,
    tags.composer?.join(', '),
    tags.genre?.join(', '),
    tags.description?.join('\n'),
    tags.longDescription,
    ...(tags.comment ?? []).map(({ text }) => text),
    ...lyrics,
  ];
  const said = texts.map((text) => text?.trim()).filter((text) => text !== undefined && text !== '');
  return [...new Set(said)].join('\n\n');
}

function property<Key extends 'artist' | 'album' | 'codec'>(
  key: Key,
  value: string | undefined,
): Partial<Record<Key, string>> {
  const text = oneLine(value ?? '');
  const found: Partial<Record<Key, string>> = {};
  if (text !== '') found[key] = text;
  return found;
}

function isAmount(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value >= 0;
}
