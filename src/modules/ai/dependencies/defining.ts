import type { StorageClient } from '../../../contracts/storage.ts';
import type { Database } from '../../../core/database/client.ts';
import { newId } from '../../../core/database/columns.ts';
import type { PluginCatalogue } from '../ports/steps.ts';
import { createCorrectionRepository } from '../repository/corrections.ts';
import { createFieldRepository } from '../repository/fields.ts';
import { createLabelRepository } from '../repository/labels.ts';
import { createPluginSettingRepository } from '../repository/plugin-settings.ts';
import { createRuleRepository } from '../repository/rules.ts';
import { createSimilarRepository } from '../repository/similar.ts';
import { createFieldService, type FieldService } from '../service/fields.ts';
import {
  type CorrectionService,
  createCorrectionService,
  createLabelService,
  type LabelService,
} from '../service/labels.ts';
import { createPluginService, type PluginService } from '../service/plugins.ts';
import { createRuleService, type RuleService } from '../service/rules.ts';
import { createSimilarService, type SimilarService } from '../service/similar.ts';

/** What drives define for the analysis of their files, and what people say of its answers. */
export interface Defining {
  readonly labels: LabelService;
  readonly corrections: CorrectionService;
  readonly rules: RuleService;
  readonly fields: FieldService;
  readonly plugins: PluginService;
  readonly similar: SimilarService;
}

export function createDefining(
  db: Database,
  storage: StorageClient,
  catalogue: PluginCatalogue,
  wakeUp: () => Promise<void>,
): Defining {
  return {
    labels: createLabelService({ labels: createLabelRepository(db), newId }),
    corrections: createCorrectionService({ corrections: createCorrectionRepository(db), wakeUp }),
    rules: createRuleService({ rules: createRuleRepository(db), storage, newId }),
    fields: createFieldService(createFieldRepository(db)),
    plugins: createPluginService({ catalogue, settings: createPluginSettingRepository(db) }),
    similar: createSimilarService({ repository: createSimilarRepository(db), storage }),
  };
}
