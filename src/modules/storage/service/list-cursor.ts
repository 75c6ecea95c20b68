import { z } from 'zod';
import { fileIdSchema, timestampSchema } from '../../../contracts/storage.ts';
import { fromBase64Url, toBase64Url } from '../../../core/security/secret.ts';
import { nameKeySchema } from '../models/names.ts';
import type { Position, SortKey } from '../ports/entries.ts';

export interface Order {
  readonly sort: SortKey;
  readonly order: 'asc' | 'desc';
}

const VALUES: Readonly<Record<SortKey, z.ZodType<string>>> = {
  created: z.literal(''),
  name: nameKeySchema,
  // PostgreSQL has no year 0.
  updated: timestampSchema.refine((time) => !time.startsWith('0000')),
  size: z.string().regex(/^\d{1,15}$/),
};
const cursorSchema = z.tuple([z.string(), z.string(), z.string(), fileIdSchema]);

/** Where a page ended, and in which order it was: no other order goes on from there. */
export function listCursor({ sort, order }: Order, { value, fileId }: Position): string {
  return toBase64Url(new TextEncoder().encode(JSON.stringify([sort, order, value, fileId])));
}

/** Undefined when it is none of our cursors, or one of another order. */
export function positionOf(cursor: string, { sort, order }: Order): Position | undefined {
  const parsed = cursorSchema.safeParse(jsonOf(cursor));
  if (!parsed.success) return undefined;
  const [ofSort, ofOrder, value, fileId] = parsed.data;
  if (ofSort !== sort || ofOrder !== order || !VALUES[sort].safeParse(value).success) return undefined;
  return { value, fileId };
}

function jsonOf(cursor: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(fromBase64Url(cursor)));
  } catch {
    return undefined;
  }
}
