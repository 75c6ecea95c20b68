import type {
  AnalysisRequest,
  AnalysisResponse,
  FieldPrompt,
  LabelPrompt,
  PluginInfo,
} from '../../../contracts/sidecar.ts';

/** What is done with the documents of one drive. */
export interface DriveSteps {
  /** Names of the steps that run. */
  readonly steps: readonly string[];
  readonly labels: readonly LabelPrompt[];
  readonly fields: readonly FieldPrompt[];
}

export interface StepSettings {
  /**
   * Of a drive, `usr_…` or `wsp_…`. `embeddingModel`: what the document's vector was made by, so that the vectors of
   * labels are in the same space; null when it has none.
   * @throws DependencyError
   */
  settingsOf(driveId: string, embeddingModel: string | null): Promise<DriveSteps>;
}

/** Where analysis steps run. @throws DependencyError when it cannot be reached, WorkLostError when it was lost over this. */
export interface StepRunner {
  run(request: AnalysisRequest): Promise<AnalysisResponse>;
}

export interface PluginCatalogue {
  /** Every analysis step that is installed; may be a minute old. @throws DependencyError */
  plugins(): Promise<readonly PluginInfo[]>;
}
