import type { FieldPrompt, LabelPrompt } from '../../../contracts/sidecar.ts';
import type { PluginChoice } from './plugins.ts';

/** What a drive has defined for the analysis of its documents. */
export interface DriveSettings {
  /**
   * The drive's own labels; if it has none, the categories of the default taxonomy that something was said about.
   * With the mean vectors, in the space of the model that was asked with, of what was said to be right and wrong.
   */
  readonly labels: LabelPrompt[];
  readonly fields: FieldPrompt[];
  readonly plugins: PluginChoice[];
}

export interface DriveSettingRepository {
  /** @param embeddingModel null: labels come without vectors */
  settingsOf(driveId: string, embeddingModel: string | null): Promise<DriveSettings>;
}
