import { customType } from 'drizzle-orm/pg-core';
import { v7 as uuidv7 } from 'uuid';

/** What an id is of; the prefix makes a mixed-up id visible and the UUIDv7 behind it sorts by time. */
export type IdPrefix =
  | 'usr'
  | 'ses'
  | 'key'
  | 'pky'
  | 'cli'
  | 'wsp'
  | 'grp'
  | 'inv'
  | 'eml'
  | 'file'
  | 'ver'
  | 'obj'
  | 'upl'
  | 'grt'
  | 'lnk'
  | 'cmt'
  | 'whk'
  | 'whd'
  | 'lbl'
  | 'rul'
  | 'bat';

export function newId(prefix: IdPrefix): string {
  return `${prefix}_${uuidv7().replaceAll('-', '')}`;
}

/** A regular expression source for ids of this kind, for schemas at the edge. */
export function idPattern(prefix: IdPrefix): RegExp {
  return new RegExp(`^${prefix}_[0-9a-f]{32}$`);
}

export function idToUuid(id: string): string {
  const hex = id.slice(id.indexOf('_') + 1);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function uuidToId(prefix: IdPrefix, uuid: string): string {
  return `${prefix}_${uuid.replaceAll('-', '')}`;
}

/** A `uuid` column (16 bytes) that the code only ever sees as a prefixed id. */
export const prefixedId = (prefix: IdPrefix) =>
  customType<{ data: string; driverData: string }>({
    dataType: () => 'uuid',
    toDriver: idToUuid,
    fromDriver: (uuid) => uuidToId(prefix, uuid),
  });

export const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' });

/** pgvector's type without a fixed dimension: models differ. Read and written as text, `[1,2,3]`. */
export const anyVector = customType<{ data: string }>({ dataType: () => 'vector' });

/** PostgreSQL's 64-bit transaction id; text in JavaScript, where it would not fit a number. */
export const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });
