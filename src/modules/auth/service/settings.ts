import { isSettingsModule, SETTINGS, type SettingsModule } from '../../../contracts/settings.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { auditedAs } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { Settings } from '../models/settings.ts';
import type { SettingsRepository } from '../ports/settings.ts';

/** Administration of settings; a module reads its own by core/config/settings.ts. */
export interface SettingsAdministration {
  get(module: string): Promise<Settings>;
  /** Replaces them all: what is left out is as the environment says again. */
  set(
    module: string,
    values: Record<string, unknown>,
    principal: Principal,
    caller: Caller,
  ): Promise<Settings>;
}

export function createSettingsAdministration(repository: SettingsRepository): SettingsAdministration {
  const get = async (name: string): Promise<Settings> => {
    const module = known(name);
    const stored = await repository.read(module);
    return {
      module,
      values: { ...stored?.values },
      updatedAt: stored?.updatedAt.toISOString() ?? null,
      updatedBy: stored?.updatedBy ?? null,
    };
  };
  return {
    get,
    async set(name, values, principal, caller) {
      const module = known(name);
      const parsed = SETTINGS[module].safeParse(values);
      if (!parsed.success)
        throw coreError('invalid_request', {
          detail: 'Check the settings.',
          errors: parsed.error.issues.map((issue) => ({
            field:
              issue.path.join('.') || (issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : 'body'),
            message: issue.message,
          })),
        });
      await repository.save(module, parsed.data, principal.userId, {
        ...auditedAs(principal, caller),
        action: 'settings.set',
        object: { kind: 'settings', id: module },
        result: 'success',
        details: { values: JSON.stringify(parsed.data) },
      });
      return get(module);
    },
  };
}

function known(name: string): SettingsModule {
  if (isSettingsModule(name)) return name;
  throw authError('settings_not_found', {
    detail: `There are settings of ${Object.keys(SETTINGS).join(', ')}.`,
  });
}
