import { z } from 'zod';
import { plainTextSchema } from '../../../core/http/plain-text.ts';

export const MAX_NAME_BYTES = 255;
/** Of folders in each other, the entry itself counted. */
export const MAX_DEPTH = 512;

/** A decoder takes it for a byte order mark and drops it: what begins with it would not come back as it was sent. */
const beginsWithMark = (text: string): boolean => text.startsWith('\ufeff');
const NO_MARK = 'must not begin with a byte order mark';

/** Names are kept as sent. Refused is what could not be one step of a path. */
export const nameSchema = plainTextSchema
  .min(1, 'must not be empty')
  .refine((name) => byteLength(name) <= MAX_NAME_BYTES, `must have at most ${MAX_NAME_BYTES} bytes in UTF-8`)
  .refine((name) => !/[/\\]/.test(name), 'must not contain a slash or backslash')
  .refine((name) => name !== '.' && name !== '..', 'must not be . or ..')
  .refine((name) => name.trim() !== '', 'must not be blank')
  .refine((name) => !beginsWithMark(name), NO_MARK);

export const MAX_METADATA_KEYS = 50;
/** Of keys and values together. */
export const MAX_METADATA_BYTES = 16_384;
/** Of one entry. */
export const MAX_TAGS = 50;
const MAX_METADATA_KEY_BYTES = 255;

export const metadataKeySchema = plainTextSchema
  .min(1, 'must not be empty')
  .refine(
    (key) => byteLength(key) <= MAX_METADATA_KEY_BYTES,
    `must have at most ${MAX_METADATA_KEY_BYTES} bytes`,
  )
  .refine((key) => !beginsWithMark(key), NO_MARK);

/** Any text that PostgreSQL can hold, of several lines too. */
export const metadataValueSchema = z
  .string()
  .max(MAX_METADATA_BYTES)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be well-formed Unicode without NUL')
  .refine((text) => !beginsWithMark(text), NO_MARK);

/** What `nameKey` gives. */
export const nameKeySchema = plainTextSchema;

/** Two names are the same name if they differ only in case or in Unicode composition. */
export function nameKey(name: string): string {
  return name.normalize('NFC').toLowerCase().normalize('NFC');
}

/** `report.pdf` → `report (2).pdf`, cut so that it stays within the limit of names. */
export function numberedName(name: string, number: number): string {
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 ? name.slice(dot) : '';
  const suffix = ` (${number})${byteLength(extension) > 32 ? '' : extension}`;
  const stem = extension !== '' && suffix.endsWith(extension) ? name.slice(0, dot) : name;
  return `${cutTo(stem, MAX_NAME_BYTES - byteLength(suffix))}${suffix}`;
}

function cutTo(text: string, bytes: number): string {
  const characters = [...text];
  while (byteLength(characters.join('')) > bytes) characters.pop();
  return characters.join('');
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
