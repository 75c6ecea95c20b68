import { z } from '@hono/zod-openapi';
import { fileIdSchema, tagSchema, timestampSchema, versionIdSchema } from '../../../contracts/storage.ts';
import { idPattern } from '../../../core/database/columns.ts';
import { driveParamsSchema, labelRefSchema, pageLimitSchema } from './drives.ts';

/** Of one drive. */
export const MAX_RULES = 100;

const ruleIdSchema = z.string().regex(idPattern('rul'), 'must be a rule id, rul_…');
export const ruleParamsSchema = driveParamsSchema.extend({ ruleId: ruleIdSchema });
export const rulesQuerySchema = z.object({ cursor: ruleIdSchema.optional(), limit: pageLimitSchema });
export type RulesQuery = z.infer<typeof rulesQuerySchema>;
export const ruleRunsQuerySchema = z.object({ cursor: versionIdSchema.optional(), limit: pageLimitSchema });
export type RuleRunsQuery = z.infer<typeof ruleRunsQuerySchema>;

export const actionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('tag'), tag: tagSchema }),
  /** Into a folder of the same drive. */
  z.strictObject({ kind: z.literal('move'), folderId: fileIdSchema }),
]);
export type Action = z.infer<typeof actionSchema>;

/** Below what is more likely wrong than right, nothing is a category at all. */
const minScoreSchema = z.number().min(0.5).max(1);

export const createRuleSchema = z
  .strictObject({
    /** A label of the drive, or a category of the default taxonomy. */
    label: labelRefSchema,
    /** Of the score that the file has to get; what a person has said is worth 1. */
    minScore: minScoreSchema.default(0.8),
    action: actionSchema,
    enabled: z.boolean().default(true),
  })
  .openapi('CreateRule');
export type CreateRule = z.infer<typeof createRuleSchema>;

export const updateRuleSchema = z
  .strictObject({
    label: labelRefSchema.optional(),
    minScore: minScoreSchema.optional(),
    action: actionSchema.optional(),
    enabled: z.boolean().optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must change something')
  .openapi('UpdateRule');
export type UpdateRule = z.infer<typeof updateRuleSchema>;

export const ruleSchema = z
  .object({
    id: ruleIdSchema,
    label: z.string(),
    minScore: z.number(),
    action: actionSchema,
    enabled: z.boolean(),
    /** It acts with the rights that they have when it does: who made it, or changed it last. */
    createdBy: z.string(),
    createdAt: timestampSchema,
  })
  .openapi('Rule');
export type Rule = z.infer<typeof ruleSchema>;
export const rulePageSchema = z.object({ items: z.array(ruleSchema), nextCursor: z.string().nullable() });

export const ruleRunSchema = z
  .object({
    fileId: fileIdSchema,
    versionId: versionIdSchema,
    state: z.enum(['pending', 'done', 'refused']),
    /** Why it was refused. */
    reason: z.string().nullable(),
    /** Null while it is pending. */
    finishedAt: timestampSchema.nullable(),
  })
  .openapi('RuleRun');
export type RuleRun = z.infer<typeof ruleRunSchema>;
export const ruleRunPageSchema = z.object({
  items: z.array(ruleRunSchema),
  nextCursor: z.string().nullable(),
});
