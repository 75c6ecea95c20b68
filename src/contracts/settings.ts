import { z } from 'zod';

/**
 * What may be set while the system runs, for each module, and whose schema holds on both sides: for the administrator
 * who writes it (auth) and for the module that reads it. Every field is optional; what is left out is as the module's
 * environment says.
 */
export const SETTINGS = {
  auth: z
    .strictObject({
      /** In place of REGISTRATION. */
      registration: z.enum(['open', 'confirmed', 'invited', 'closed']),
      /** In place of AUDIT_RETENTION_DAYS; 0 keeps everything. Nobody gets rid of what they did last week. */
      auditRetentionDays: z.union([z.literal(0), z.int().min(30).max(36_500)]),
    })
    .partial(),
} as const satisfies Readonly<Record<string, z.ZodType>>;

export type SettingsModule = keyof typeof SETTINGS;

export function isSettingsModule(name: string): name is SettingsModule {
  return Object.hasOwn(SETTINGS, name);
}
