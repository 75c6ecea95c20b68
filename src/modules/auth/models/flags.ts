import { z } from '@hono/zod-openapi';
import { idPattern } from '../../../core/database/columns.ts';

export const flagNameParamSchema = z.object({ name: z.string().min(1).max(100) });

export const flagStateSchema = z
  .strictObject({
    enabled: z.enum(['off', 'on', 'partial']),
    /** With `partial`: on for these users, members of these workspaces, and this share of everybody else. */
    userIds: z
      .array(z.string().regex(idPattern('usr'), 'must be a user id, usr_…'))
      .max(1_000)
      .default([]),
    workspaceIds: z
      .array(z.string().regex(idPattern('wsp'), 'must be a workspace id, wsp_…'))
      .max(1_000)
      .default([]),
    percentage: z.int().min(0).max(100).default(0),
  })
  .openapi('FlagState');

export const flagSchema = z
  .object({
    name: z.string(),
    module: z.string(),
    description: z.string(),
    /** Where nothing is set. */
    default: z.boolean(),
    /** Null: the default holds. */
    set: z
      .object({
        enabled: z.enum(['off', 'on', 'partial']),
        userIds: z.array(z.string()),
        workspaceIds: z.array(z.string()),
        percentage: z.int(),
        updatedAt: z.iso.datetime(),
        updatedBy: z.string().nullable(),
      })
      .nullable(),
  })
  .openapi('Flag');
export type Flag = z.infer<typeof flagSchema>;

export const flagListSchema = z.object({ items: z.array(flagSchema) }).openapi('Flags');
