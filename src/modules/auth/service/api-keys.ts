import { coreError } from '../../../core/http/app-error.ts';
import { auditedAs } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { ApiKey, CreateApiKey, ListApiKeys, NewApiKey, UpdateApiKey } from '../models/api-keys.ts';
import { type Page, toPage } from '../models/pages.ts';
import type { ApiKeyRepository, KeyChange, KeyHolder } from '../ports/api-keys.ts';
import type { ServiceAccounts } from './service-accounts.ts';
import { unlessRefused } from './workspace-authority.ts';

/** Enough to tell keys apart; 214 of the 256 random bits stay secret. */
const SHOWN_LENGTH = 11;
const DAY_SECONDS = 86_400;

/** Keys of a person, or of a service account (`holder.workspaceId`). */
export interface ApiKeys {
  /** @throws AppError `permission_denied` for scopes that the caller does not have, `too_many_api_keys` */
  create(input: CreateApiKey, holder: KeyHolder, principal: Principal, caller: Caller): Promise<NewApiKey>;
  list(query: ListApiKeys, holder: KeyHolder, principal: Principal): Promise<Page<ApiKey>>;
  get(id: string, holder: KeyHolder, principal: Principal): Promise<ApiKey>;
  update(
    id: string,
    settings: UpdateApiKey,
    holder: KeyHolder,
    principal: Principal,
    caller: Caller,
  ): Promise<ApiKey>;
  revoke(id: string, holder: KeyHolder, principal: Principal, caller: Caller): Promise<void>;
  /**
   * @throws AppError `api_key_not_live` when it was revoked, rotated, or has expired; `permission_denied` for scopes
   * that the caller does not have
   */
  rotate(
    id: string,
    overlapSeconds: number,
    holder: KeyHolder,
    principal: Principal,
    caller: Caller,
  ): Promise<NewApiKey>;
}

export function createApiKeys(dependencies: {
  readonly repository: ApiKeyRepository;
  readonly serviceAccounts: Pick<ServiceAccounts, 'get'>;
  readonly newId: (prefix: 'key') => string;
  readonly newApiKey: () => string;
  readonly hashSecret: (secret: string) => string;
}): ApiKeys {
  const { repository, serviceAccounts, newId, newApiKey, hashSecret } = dependencies;

  function makeKey() {
    const key = newApiKey();
    return {
      key,
      material: { id: newId('key'), keyHash: hashSecret(key), prefix: key.slice(0, SHOWN_LENGTH) },
    };
  }

  /** Changes ask for the right in the statement that makes them. */
  async function requireReadable({ userId, workspaceId }: KeyHolder, principal: Principal): Promise<void> {
    if (workspaceId !== undefined) await serviceAccounts.get(workspaceId, userId, principal);
  }

  return {
    async create(input, holder, principal, caller) {
      refuseScopesBeyond(input.scopes, principal);
      const { key, material } = makeKey();
      const { name, scopes, allowedNetworks, expiresInDays } = input;
      const lifetimeSeconds = expiresInDays * DAY_SECONDS;
      const created = await repository.insert(
        changeOf('create', material.id, holder, principal, caller, {
          scopes: scopes.join(' '),
          expiresInDays,
        }),
        { ...material, name, scopes, allowedNetworks, lifetimeSeconds },
      );
      return { ...unlessRefused(created), key };
    },

    async list(query, holder, principal) {
      await requireReadable(holder, principal);
      return toPage(await repository.list(holder.userId, query), query.limit, ({ id }) => id);
    },

    async get(id, holder, principal) {
      await requireReadable(holder, principal);
      const found = await repository.find(holder.userId, id);
      if (found === undefined) throw authError('api_key_not_found');
      return found;
    },

    async update(id, settings, holder, principal, caller) {
      const change = changeOf('update', id, holder, principal, caller, {
        changed: Object.keys(settings).join(' '),
      });
      return unlessRefused(await repository.update(change, id, settings));
    },

    async revoke(id, holder, principal, caller) {
      unlessRefused(await repository.revoke(changeOf('revoke', id, holder, principal, caller), id));
    },

    async rotate(id, overlapSeconds, holder, principal, caller) {
      // The scopes of a key never change: what was looked at is what the new one gets.
      await requireReadable(holder, principal);
      const rotated = await repository.find(holder.userId, id);
      if (rotated) refuseScopesBeyond(rotated.scopes, principal);
      const { key, material } = makeKey();
      const change = changeOf('rotate', id, holder, principal, caller, {
        successor: material.id,
        overlapSeconds,
      });
      return { ...unlessRefused(await repository.rotate(change, id, material, overlapSeconds)), key };
    },
  };
}

/** Nobody gives away what they do not have at this moment. */
function refuseScopesBeyond(scopes: readonly string[], { permissions }: Principal): void {
  const held: ReadonlySet<string> = permissions;
  const missing = scopes.filter((scope) => !held.has(scope));
  if (missing.length > 0)
    throw coreError('permission_denied', { detail: `You do not have ${missing.join(', ')} yourself.` });
}

function changeOf(
  verb: 'create' | 'update' | 'revoke' | 'rotate',
  keyId: string,
  holder: KeyHolder,
  principal: Principal,
  caller: Caller,
  details: Readonly<Record<string, string | number>> = {},
): KeyChange {
  return {
    holder,
    actorId: principal.userId,
    audit: {
      ...auditedAs(principal, caller),
      action: `api-key.${verb}`,
      object: { kind: 'api-key', id: keyId },
      details: { ...details, holder: holder.userId },
    },
  };
}
