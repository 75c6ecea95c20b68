import { aiError } from '../errors.ts';
import type { DrivePlugin, Plugin } from '../models/plugins.ts';
import type { Asker } from '../ports/drives.ts';
import type { PluginSettingRepository } from '../ports/plugins.ts';
import type { PluginCatalogue } from '../ports/steps.ts';
import { audited, seen, unrefused } from './drive-access.ts';

export interface PluginServiceDependencies {
  readonly catalogue: PluginCatalogue;
  readonly settings: PluginSettingRepository;
}

export type PluginService = ReturnType<typeof createPluginService>;

/** Analysis steps, and which of them run on the files of a drive. */
export function createPluginService({ catalogue, settings }: PluginServiceDependencies) {
  return {
    installed: async (): Promise<Plugin[]> => [...(await catalogue.plugins())],

    async list(userId: string, driveId: string): Promise<DrivePlugin[]> {
      const choices = seen(await settings.list(userId, driveId));
      const chosen = new Map(choices.map(({ plugin, enabled }) => [plugin, enabled]));
      return (await catalogue.plugins()).map((plugin) => ({
        ...plugin,
        enabled: chosen.get(plugin.name) ?? plugin.enabledByDefault,
      }));
    },

    /** What it has found stays, and is shown again when it is enabled again. */
    async set(asker: Asker, driveId: string, name: string, enabled: boolean): Promise<DrivePlugin> {
      const { userId } = asker.principal;
      // Who does not see the drive learns nothing else.
      seen(await settings.list(userId, driveId));
      const plugin = (await catalogue.plugins()).find((each) => each.name === name);
      if (plugin === undefined) throw aiError('plugin_not_found');
      const entry = audited(asker, driveId, 'plugin.set', { kind: 'plugin', id: name }, { enabled });
      unrefused(await settings.set(userId, driveId, { plugin: name, enabled }, entry));
      return { ...plugin, enabled };
    },
  };
}
