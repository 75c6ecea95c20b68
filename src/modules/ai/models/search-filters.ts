import { z } from '@hono/zod-openapi';
import { driveIdSchema, fileIdSchema } from '../../../contracts/storage.ts';
import { idPattern } from '../../../core/database/columns.ts';

/** Media types by what people call them; the first group that fits is a file's. */
export const TYPE_GROUPS = {
  image: ['image/%'],
  audio: ['audio/%'],
  video: ['video/%'],
  spreadsheet: ['%spreadsheet%', '%ms-excel%', 'text/csv', 'text/tab-separated-values'],
  presentation: ['%presentation%', '%ms-powerpoint%'],
  document: [
    'application/pdf',
    '%wordprocessing%',
    '%msword%',
    '%opendocument.text%',
    '%rtf',
    '%epub%',
    'message/%',
  ],
  archive: ['%zip', '%gzip', '%x-tar', '%x-7z%', '%rar%', '%bzip%', '%x-xz', '%zstd'],
  code: [
    '%javascript',
    '%typescript',
    '%json',
    '%xml',
    '%x-sh',
    '%sql',
    '%yaml',
    '%toml',
    'text/x-%',
    'text/css',
    '%x-python%',
  ],
  text: ['text/%'],
} as const;
export const typeGroupSchema = z.enum([
  'document',
  'image',
  'audio',
  'video',
  'spreadsheet',
  'presentation',
  'archive',
  'code',
  'text',
]);

/** Text that PostgreSQL can hold. */
const text = (longest: number) =>
  z
    .string()
    .min(1, 'must not be empty')
    .max(longest, `must have at most ${longest} characters`)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'must be well-formed text without NUL');

const typeSchema = z.union(
  [
    typeGroupSchema,
    z.string().regex(/^[a-z0-9]+\/(\*|[a-z0-9.+-]{1,100})$/, 'must be a group or a media type'),
  ],
  {
    error:
      'must be document, image, audio, video, spreadsheet, presentation, archive, code, text or a media type',
  },
);
/** A time with its offset, or a day of UTC. */
const timeSchema = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: 'must be a time or a day in ISO 8601' })
  .refine((time) => !time.startsWith('0000') && !Number.isNaN(Date.parse(time)), 'must be a time or a day');
const ownerSchema = z.string().regex(idPattern('usr'), 'must be a user id, usr_…');
const languageSchema = z.string().regex(/^[a-z]{2,3}$/, 'must be a language code of ISO 639');
const MOST = 20;
const list = <Item extends z.ZodType<string, string>>(item: Item) => z.array(item).max(MOST);

/** By name, at most so many. */
const named = <Value extends z.ZodType>(longest: number, value: Value) =>
  z.preprocess(
    // zod leaves this one out in silence, and without its filter the answer would be wider: a list is refused.
    (input) =>
      typeof input === 'object' && input !== null && Object.hasOwn(input, '__proto__') ? [] : input,
    z.record(text(longest), value).refine((record) => Object.keys(record).length <= MOST),
  );

export const fieldFilterSchema = z.strictObject({
  value: text(1_000).optional(),
  min: text(100).optional(),
  max: text(100).optional(),
});

/** Which files a search is about. All filters hold together; of a list, any (of `tag`: every) entry does. */
export const searchFiltersSchema = z
  .strictObject({
    /** A group (`document`, `image`, …) or a media type; `image/*` works. */
    type: list(typeSchema),
    /** The folder and everything below it. One that is not there for the caller has nothing in it. */
    folderId: fileIdSchema,
    driveId: driveIdSchema,
    /** Who made the file. */
    owner: ownerSchema,
    tag: list(text(64)),
    /** Label id, label name or category; what people have said counts before what was found. */
    category: list(text(100)),
    createdAfter: timeSchema,
    createdBefore: timeSchema,
    updatedAfter: timeSchema,
    updatedBefore: timeSchema,
    /** Bytes. */
    minSize: z.int().nonnegative(),
    maxSize: z.int().nonnegative(),
    language: list(languageSchema),
    /** Values of the file's metadata by key. */
    metadata: named(255, text(16_384)),
    /** Values of fields that were found in the text, by name; `min` and `max` of numbers or ISO dates. */
    field: named(100, fieldFilterSchema),
    /** `all`: in old versions too. A hit says which one it is from. */
    versions: z.enum(['current', 'all']),
    /** In the versions that were current then, of files that the caller sees now. */
    asOf: timeSchema,
  })
  .partial()
  .openapi('SearchFilters');
export type SearchFilters = z.infer<typeof searchFiltersSchema>;

const repeated = <Item extends z.ZodType<string, string>>(item: Item) =>
  z.union([list(item), item.transform((one) => [one])], { error: issueOf(item) }).optional();

/** The message of the item, not of the union around it. */
function issueOf(item: z.ZodType<string>) {
  return (issue: { input?: unknown }) => {
    const values = [issue.input].flat();
    const faults = values.flatMap((value) => item.safeParse(value).error?.issues ?? []);
    return faults[0]?.message ?? `must be given at most ${MOST} times`;
  };
}

const size = z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).optional();

/** The same as parameters of a URL; lists are repeated, `metadata.KEY=`, `field.NAME=`, `field.NAME.min=` are open. */
export const filterParameters = {
  type: repeated(typeSchema),
  folderId: fileIdSchema.optional(),
  driveId: driveIdSchema.optional(),
  owner: ownerSchema.optional(),
  tag: repeated(text(64)),
  category: repeated(text(100)),
  createdAfter: timeSchema.optional(),
  createdBefore: timeSchema.optional(),
  updatedAfter: timeSchema.optional(),
  updatedBefore: timeSchema.optional(),
  minSize: size,
  maxSize: size,
  language: repeated(languageSchema),
  versions: z.enum(['current', 'all']).optional(),
  asOf: timeSchema.optional(),
};

const OPEN_PARAMETER = /^(?:metadata|field)\../;

/** Refuses what is no parameter: a filter that is misspelt must not widen the answer in silence. */
export function checkOpenParameters(
  query: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, unknown>>,
  refuse: (field: string, message: string) => void,
): void {
  for (const key of Object.keys(query)) {
    if (Object.hasOwn(known, key)) continue;
    if (!OPEN_PARAMETER.test(key)) refuse(key, 'is not a parameter of this call');
    else if (typeof query[key] !== 'string') refuse(key, 'must be given once');
  }
  const open = openFilters(query);
  for (const issue of searchFiltersSchema.safeParse(open).error?.issues ?? [])
    refuse(issue.path.map(String).join('.'), issue.message);
}

/** The filters of a query string, as they are in JSON. */
export function filtersOf(query: Readonly<Record<string, unknown>>): SearchFilters {
  const named = Object.keys(filterParameters).flatMap((key) =>
    query[key] === undefined ? [] : [[key, query[key]]],
  );
  return searchFiltersSchema.parse({ ...Object.fromEntries(named), ...openFilters(query) });
}

function openFilters(query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // Without a prototype, so that any name is one.
  const metadata: Record<string, unknown> = Object.create(null);
  const field: Record<string, Record<string, unknown>> = Object.create(null);
  for (const [key, value] of Object.entries(query)) {
    if (key.startsWith('metadata.')) metadata[key.slice('metadata.'.length)] = value;
    if (!key.startsWith('field.')) continue;
    const [, name = '', bound = 'value'] = /^field\.(.+?)(?:\.(min|max))?$/s.exec(key) ?? [];
    field[name] = { ...field[name], [bound]: value };
  }
  return {
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    ...(Object.keys(field).length > 0 ? { field } : {}),
  };
}
