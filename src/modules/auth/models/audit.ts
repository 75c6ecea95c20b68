import { z } from '@hono/zod-openapi';
import { idPattern } from '../../../core/database/columns.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';

const nameSchema = plainTextSchema.min(1).max(200);
const pageSchema = {
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the nextCursor of a page')
    .optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
};
const periodSchema = {
  from: z.iso.datetime({ offset: true }).optional(),
  /** Exclusive. */
  to: z.iso.datetime({ offset: true }).optional(),
};
const filterSchema = {
  actor: nameSchema.optional(),
  action: nameSchema.optional(),
  object: nameSchema.optional(),
  result: z.enum(['success', 'denied', 'failure']).optional(),
  ...periodSchema,
};

export const workspaceParamSchema = z.object({
  id: z.string().regex(idPattern('wsp'), 'must be a workspace id, wsp_…'),
});
export const auditQuerySchema = z.strictObject({
  ...filterSchema,
  ...pageSchema,
  workspace: workspaceParamSchema.shape.id.optional(),
});
export const workspaceAuditQuerySchema = z.strictObject({ ...filterSchema, ...pageSchema });
export const pageQuerySchema = z.strictObject(pageSchema);
export const exportQuerySchema = z.strictObject({
  format: z.enum(['jsonl', 'cef']).default('jsonl'),
  ...periodSchema,
});
export type AuditQuery = z.output<typeof auditQuerySchema>;
export type PageQuery = z.output<typeof pageQuerySchema>;
export type ExportQuery = z.output<typeof exportQuerySchema>;

export const auditEventSchema = z
  .object({
    id: z.int(),
    occurredAt: z.iso.datetime(),
    actor: z.object({
      kind: z.enum(['person', 'service', 'anonymous', 'system']),
      id: z.string().nullable(),
      /** Session or API key. */
      credentialId: z.string().nullable(),
    }),
    action: z.string(),
    object: z.object({ kind: z.string().nullable(), id: z.string() }).nullable(),
    workspaceId: z.string().nullable(),
    result: z.enum(['success', 'denied', 'failure']),
    reason: z.string().nullable(),
    address: z.string().nullable(),
    requestId: z.string().nullable(),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
    /** Null until the entry has its place in the hash chain, a minute later at most. */
    sequence: z.int().nullable(),
    hash: z.string().nullable(),
  })
  .openapi('AuditEvent');
export type AuditEvent = z.infer<typeof auditEventSchema>;

export const auditPageSchema = z
  .object({ items: z.array(auditEventSchema), nextCursor: z.string().nullable() })
  .openapi('AuditPage');
export type AuditPage = z.infer<typeof auditPageSchema>;

export const checkpointPageSchema = z
  .object({
    items: z.array(
      z.object({
        sequence: z.int(),
        hash: z.string(),
        createdAt: z.iso.datetime(),
        /** Compact JWS (EdDSA) over the other three. */
        signature: z.string(),
      }),
    ),
    nextCursor: z.string().nullable(),
  })
  .openapi('AuditCheckpoints');
export type CheckpointPage = z.infer<typeof checkpointPageSchema>;

export const checkpointKeysSchema = z
  .object({
    keys: z.array(
      z.object({
        kty: z.string(),
        crv: z.string(),
        x: z.string(),
        kid: z.string(),
        alg: z.string(),
        use: z.string(),
      }),
    ),
  })
  .openapi('AuditCheckpointKeys');
