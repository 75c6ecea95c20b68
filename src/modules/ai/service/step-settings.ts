import type { DriveSettingRepository } from '../ports/drive-settings.ts';
import type { PluginCatalogue, StepSettings } from '../ports/steps.ts';

/** Of the wire. */
const MAX_STEPS = 50;

/** The steps that are installed and that a drive has not put out of use, with what the drive has defined for them. */
export function createStepSettings({
  catalogue,
  settings,
}: {
  readonly catalogue: PluginCatalogue;
  readonly settings: DriveSettingRepository;
}): StepSettings {
  return {
    async settingsOf(driveId, embeddingModel) {
      const { labels, fields, plugins } = await settings.settingsOf(driveId, embeddingModel);
      const chosen = new Map(plugins.map(({ plugin, enabled }) => [plugin, enabled]));
      const installed = await catalogue.plugins();
      const steps = installed
        .filter(({ name, enabledByDefault }) => chosen.get(name) ?? enabledByDefault)
        .map(({ name }) => name);
      return { steps: [...new Set(steps)].slice(0, MAX_STEPS), labels, fields };
    },
  };
}
