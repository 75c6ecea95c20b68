import exifr from 'exifr';
import type { Metadata } from 'sharp';
import type { ImageMetadata } from './picture.ts';

type Properties = Pick<ImageMetadata, 'camera' | 'lens' | 'takenAt' | 'place'>;

const OPTIONS = {
  gps: true,
  exif: true,
  ifd1: false,
  interop: false,
  makerNote: false,
  userComment: false,
  xmp: false,
  icc: false,
  iptc: false,
  // A time of day at the place of the picture must not become one of the zone of this machine.
  reviveValues: false,
};

/** What the camera wrote into the picture (Exif 3.0, CIPA DC-008); damaged fields are as good as missing. */
export async function readExif(path: string, { exif, format }: Metadata): Promise<Properties> {
  const source = exif === undefined ? path : withoutPrefix(exif);
  // Of other files libvips has found the block, or there is none.
  if (exif === undefined && format !== 'tiff') return {};
  const found: unknown = await exifr.parse(source, OPTIONS).catch(() => undefined);
  if (typeof found !== 'object' || found === null) return {};
  const tags = new Map<string, unknown>(Object.entries(found));
  const camera = nameCamera(toText(tags.get('Make')), toText(tags.get('Model')));
  const lens = toText(tags.get('LensModel'));
  const takenAt = toTime(
    tags.get('DateTimeOriginal') ?? tags.get('CreateDate'),
    tags.get('OffsetTimeOriginal'),
  );
  const place = toPlace(tags);
  return {
    ...(camera ? { camera } : {}),
    ...(lens ? { lens } : {}),
    ...(takenAt ? { takenAt } : {}),
    ...(place ? { place } : {}),
  };
}

function withoutPrefix(exif: Buffer): Buffer {
  return exif.toString('latin1', 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif;
}

function toText(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  // Fields are padded with NUL.
  const text = value
    .slice(0, 200)
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
  return text === '' ? undefined : text.toWellFormed();
}

/** `Canon` and `Canon EOS R5` are one camera. */
function nameCamera(make: string | undefined, model: string | undefined): string | undefined {
  if (make === undefined || model === undefined) return model ?? make;
  const [brand = make] = make.split(' ');
  return model.toLowerCase().startsWith(brand.toLowerCase()) ? model : `${make} ${model}`;
}

/** `2024:02:03 04:05:06` with `+02:00` as ISO 8601; without a zone it is the local time of the place. */
function toTime(value: unknown, offset: unknown): string | undefined {
  const parts = /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)/.exec(typeof value === 'string' ? value : '');
  if (parts === null) return undefined;
  const zone = typeof offset === 'string' && /^[+-]\d\d:\d\d$/.test(offset) ? offset : '';
  const time = `${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}${zone}`;
  return Number.isNaN(Date.parse(time)) ? undefined : time;
}

function toPlace(tags: ReadonlyMap<string, unknown>): ImageMetadata['place'] | undefined {
  const latitude = tags.get('latitude');
  const longitude = tags.get('longitude');
  if (!isWithin(latitude, 90) || !isWithin(longitude, 180)) return undefined;
  // What cameras write that have not found their place yet.
  if (latitude === 0 && longitude === 0) return undefined;
  const height = tags.get('GPSAltitude');
  const reference = tags.get('GPSAltitudeRef');
  const isBelowSea = reference === 1 || (reference instanceof Uint8Array && reference[0] === 1);
  const altitude = isWithin(height, 100_000) ? { altitude: isBelowSea ? -height : height } : {};
  return { latitude: round(latitude), longitude: round(longitude), ...altitude };
}

function isWithin(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= most;
}

/** A tenth of a metre; the rest is the noise of a division. */
function round(degrees: number): number {
  return Math.round(degrees * 1e6) / 1e6;
}
