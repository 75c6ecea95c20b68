import { z } from '@hono/zod-openapi';
import { driveIdSchema } from '../../../contracts/storage.ts';
import { ROLES } from '../ports/actor.ts';

const MAX_DAYS = 36_500;
const count = () => z.int().min(0).max(Number.MAX_SAFE_INTEGER);

export const driveSchema = z
  .object({
    id: driveIdSchema,
    kind: z.enum(['person', 'workspace']),
    /** Null of a person who gave none. */
    name: z.string().nullable(),
    role: z.enum(ROLES),
    /** Of all versions, in the trash too. */
    usedBytes: z.int().nonnegative(),
    /** Held for uploads that have begun. */
    reservedBytes: z.int().nonnegative(),
    quotaBytes: z.int().nonnegative(),
    entries: z.int().nonnegative(),
    quotaEntries: z.int().nonnegative(),
    keepVersions: z.int().nullable(),
    keepVersionDays: z.int().nullable(),
    /** Null: as the deployment says. */
    trashDays: z.int().nullable(),
  })
  .openapi('Drive');
export type Drive = z.infer<typeof driveSchema>;

export const driveParamsSchema = z.object({ driveId: driveIdSchema });
export const drivePageSchema = z.object({ items: z.array(driveSchema), nextCursor: z.string().nullable() });
export const drivesQuerySchema = z.object({
  cursor: driveIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const driveSettingsSchema = z
  .strictObject({
    /** Null keeps all. */
    keepVersions: z.int().min(1).max(1_000_000).nullable().optional(),
    /** Of versions that are not the current one; null keeps them for ever. */
    keepVersionDays: z.int().min(1).max(MAX_DAYS).nullable().optional(),
    /** 0 keeps the trash for ever; null goes by the deployment. */
    trashDays: z.int().min(0).max(MAX_DAYS).nullable().optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must change something')
  .openapi('DriveSettings');
export type DriveSettings = z.infer<typeof driveSettingsSchema>;

/** Null: as the deployment says. */
export const driveQuotaSchema = z
  .strictObject({ quotaBytes: count().nullable(), quotaEntries: count().nullable() })
  .openapi('DriveQuota');
export type DriveQuota = z.infer<typeof driveQuotaSchema>;
