import { z } from 'zod';
import { type IdPrefix, uuidToId } from '../../../core/database/columns.ts';

/** Rows that come as JSON or from plain SQL: ids without prefix, times in the format of PostgreSQL. */
export const prefixed = (prefix: IdPrefix) => z.string().transform((uuid) => uuidToId(prefix, uuid));
export const isoDate = z.string().transform((text) => new Date(text).toISOString());
