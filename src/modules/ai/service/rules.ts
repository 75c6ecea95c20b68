import type { StorageClient } from '../../../contracts/storage.ts';
import { aiError } from '../errors.ts';
import type {
  Action,
  CreateRule,
  Rule,
  RuleRun,
  RuleRunsQuery,
  RulesQuery,
  UpdateRule,
} from '../models/rules.ts';
import type { Caller } from '../ports/caller.ts';
import type { Asker } from '../ports/drives.ts';
import type { RuleRepository } from '../ports/rules.ts';
import { audited, type Page, pageOf, seen, unrefused } from './drive-access.ts';
import { isLabel } from './labels.ts';

export interface RuleServiceDependencies {
  readonly rules: RuleRepository;
  readonly storage: Pick<StorageClient, 'files'>;
  readonly newId: (prefix: 'rul') => string;
}

export type RuleService = ReturnType<typeof createRuleService>;
/** Who asks, for what is audited, and what storage is asked with. */
export type RuleAsker = Asker & { readonly inTheName: Caller };

/** What is done with files that get a label. A document never says what is done: only which labels fit it. */
export function createRuleService({ rules, storage, newId }: RuleServiceDependencies) {
  const object = (id: string) => ({ kind: 'rule', id });

  /** @throws AppError `folder_not_found` unless the caller sees the folder in the drive */
  async function checkFolder(asker: RuleAsker, driveId: string, action: Action | undefined): Promise<void> {
    if (action?.kind !== 'move') return;
    const [folder] = await storage.files([action.folderId], asker.inTheName);
    if (folder?.kind !== 'folder' || folder.driveId !== driveId) throw aiError('folder_not_found');
  }

  return {
    async list(userId: string, driveId: string, { cursor, limit }: RulesQuery): Promise<Page<Rule>> {
      const rows = seen(await rules.list(userId, driveId, cursor ?? null, limit + 1));
      return pageOf(rows, limit, ({ id }) => id);
    },

    async create(asker: RuleAsker, driveId: string, input: CreateRule): Promise<Rule> {
      if (!isLabel(input.label)) throw aiError('label_not_found');
      await checkFolder(asker, driveId, input.action);
      const id = newId('rul');
      const entry = audited(asker, driveId, 'rule.create', object(id), told(input));
      return unrefused(await rules.create(asker.principal.userId, driveId, { ...input, id }, entry));
    },

    async update(asker: RuleAsker, driveId: string, id: string, change: UpdateRule): Promise<Rule> {
      if (change.label !== undefined && !isLabel(change.label)) throw aiError('label_not_found');
      await checkFolder(asker, driveId, change.action);
      const entry = audited(asker, driveId, 'rule.update', object(id), told(change));
      return unrefused(await rules.update(asker.principal.userId, driveId, id, change, entry));
    },

    async delete(asker: Asker, driveId: string, id: string): Promise<void> {
      const entry = audited(asker, driveId, 'rule.delete', object(id));
      unrefused(await rules.delete(asker.principal.userId, driveId, id, entry));
    },

    async runs(
      userId: string,
      driveId: string,
      id: string,
      { cursor, limit }: RuleRunsQuery,
    ): Promise<Page<RuleRun>> {
      const runs = await rules.runs(userId, driveId, id, cursor ?? null, limit + 1);
      if (runs === undefined) throw aiError('rule_not_found');
      return pageOf(seen(runs), limit, ({ versionId }) => versionId);
    },
  };
}

/** For the audit log. */
function told({ label, minScore, action, enabled }: UpdateRule): Record<string, string | number | boolean> {
  return {
    ...(label === undefined ? {} : { label }),
    ...(minScore === undefined ? {} : { minScore }),
    ...(action === undefined
      ? {}
      : { action: action.kind, target: action.kind === 'tag' ? action.tag : action.folderId }),
    ...(enabled === undefined ? {} : { enabled }),
  };
}
