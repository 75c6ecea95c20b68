import { z } from '@hono/zod-openapi';

const PAGE_MAX = 200;

/** The query of a list: `limit` items after the one that `cursor` names. */
export function pageQuerySchema<Cursor extends z.ZodType>(cursor: Cursor) {
  return z.object({
    cursor: cursor.optional(),
    limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(50),
  });
}

/** A part of a list; `nextCursor` is null on the last one. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

export interface PageQuery {
  readonly cursor?: string | undefined;
  readonly limit: number;
}

export interface Page<Item> {
  readonly items: Item[];
  readonly nextCursor: string | null;
}

/** @param rows one more than `limit`, if there are more */
export function toPage<Item>(
  rows: readonly Item[],
  limit: number,
  cursorOf: (row: Item) => string,
): Page<Item> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}
