import type { RuleAction, RuleOutcome } from '../../../contracts/storage.ts';
import { AppError } from '../../../core/http/app-error.ts';
import type { Caller } from '../../../core/security/principal.ts';
import type { FileService } from './files.ts';

/** What rules of the AI processor do to files; nothing that the maker of the rule could not do at that moment. */
export interface RuleActions {
  apply(fileId: string, rule: RuleAction, caller: Caller): Promise<RuleOutcome>;
}

export function createRuleActions(files: Pick<FileService, 'changeByRule'>): RuleActions {
  return {
    async apply(fileId, { actorId, ruleId, driveId, versionId, action }, { address, requestId }) {
      const done = 'addTag' in action ? { addTag: action.addTag } : { moveTo: action.moveTo };
      const audit = {
        actor: { kind: 'service', id: 'ai' },
        action: 'rule.apply',
        object: { kind: 'file', id: fileId },
        workspaceId: driveId.startsWith('wsp_') ? driveId : null,
        result: 'success',
        address,
        requestId,
        details: { rule: ruleId, onBehalfOf: actorId, version: versionId, ...done },
      } as const;
      try {
        await files.changeByRule(actorId, fileId, action, { driveId, versionId, audit });
        return { outcome: 'done' };
      } catch (error) {
        // What is away may come back; a refusal stays one.
        if (!(error instanceof AppError) || error.definition.status >= 500) throw error;
        return { outcome: 'refused', reason: reasonOf(error) };
      }
    },
  };
}

function reasonOf({ code, message }: AppError): string {
  if (code === 'file_not_found')
    return 'Whoever made the rule cannot see the file any more, or it was deleted.';
  if (code === 'precondition_failed') return 'The file has new content since.';
  return `${message.replace(/\.$/, '')}.`;
}
