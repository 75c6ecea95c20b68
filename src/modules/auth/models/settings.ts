import { z } from '@hono/zod-openapi';

export const settingsParamSchema = z.object({ module: z.string().min(1).max(100) });
/** Checked against the schema of the module (contracts/settings.ts) by the service. */
export const settingsValuesSchema = z.record(z.string(), z.unknown()).openapi('SettingsValues');

export const settingsSchema = z
  .object({
    module: z.string(),
    values: settingsValuesSchema,
    updatedAt: z.iso.datetime().nullable(),
    updatedBy: z.string().nullable(),
  })
  .openapi('Settings');
export type Settings = z.infer<typeof settingsSchema>;
