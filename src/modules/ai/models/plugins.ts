import { z } from '@hono/zod-openapi';
import { pluginInfoSchema, pluginNameSchema } from '../../../contracts/sidecar.ts';
import { driveParamsSchema } from './drives.ts';

export const pluginParamsSchema = driveParamsSchema.extend({ name: pluginNameSchema });
export const pluginSettingSchema = z.strictObject({ enabled: z.boolean() }).openapi('PluginSetting');
export type PluginSetting = z.infer<typeof pluginSettingSchema>;

export const pluginSchema = z.object(pluginInfoSchema.shape).openapi('Plugin');
export type Plugin = z.infer<typeof pluginSchema>;
/** As many as are installed. */
export const pluginPageSchema = z.object({ items: z.array(pluginSchema), nextCursor: z.null() });

export const drivePluginSchema = z
  .object({
    ...pluginInfoSchema.shape,
    /** It runs on files of this drive. */
    enabled: z.boolean(),
  })
  .openapi('DrivePlugin');
export type DrivePlugin = z.infer<typeof drivePluginSchema>;
export const drivePluginPageSchema = z.object({ items: z.array(drivePluginSchema), nextCursor: z.null() });
