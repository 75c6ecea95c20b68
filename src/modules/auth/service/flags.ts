import { FLAGS, type FlagName, isFlagName } from '../../../core/flags/catalogue.ts';
import { auditedAs } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { Flag } from '../models/flags.ts';
import type { FlagRepository, FlagState, StoredFlag } from '../ports/flags.ts';

/** Administration of switches; asking for one is core/flags/flags.ts. */
export interface FlagAdministration {
  list(): Promise<Flag[]>;
  get(name: string): Promise<Flag>;
  set(name: string, state: FlagState, principal: Principal, caller: Caller): Promise<Flag>;
  /** Back to the default. */
  reset(name: string, principal: Principal, caller: Caller): Promise<void>;
}

export function createFlagAdministration(repository: FlagRepository): FlagAdministration {
  const get = async (name: string): Promise<Flag> => {
    const stored = await repository.all();
    return toFlag(known(name), stored);
  };
  return {
    get,
    async list() {
      const stored = await repository.all();
      return Object.keys(FLAGS)
        .filter(isFlagName)
        .map((name) => toFlag(name, stored));
    },
    async set(name, state, principal, caller) {
      await repository.save(known(name), state, principal.userId, {
        ...auditedAs(principal, caller),
        action: 'flag.set',
        object: { kind: 'flag', id: name },
        result: 'success',
        details: {
          enabled: state.enabled,
          percentage: state.percentage,
          users: state.userIds.length,
          workspaces: state.workspaceIds.length,
        },
      });
      return get(name);
    },
    async reset(name, principal, caller) {
      await repository.remove(known(name), {
        ...auditedAs(principal, caller),
        action: 'flag.reset',
        object: { kind: 'flag', id: name },
        result: 'success',
      });
    },
  };
}

function known(name: string): FlagName {
  if (isFlagName(name)) return name;
  throw authError('flag_not_found', { detail: 'GET /v1/admin/flags lists them.' });
}

function toFlag(name: FlagName, stored: readonly StoredFlag[]): Flag {
  const row = stored.find((flag) => flag.name === name);
  const { module, description } = FLAGS[name];
  return {
    name,
    module,
    description,
    default: FLAGS[name].default,
    set: row
      ? {
          enabled: row.enabled,
          userIds: row.userIds,
          workspaceIds: row.workspaceIds,
          percentage: row.percentage,
          updatedAt: row.updatedAt.toISOString(),
          updatedBy: row.updatedBy,
        }
      : null,
  };
}
