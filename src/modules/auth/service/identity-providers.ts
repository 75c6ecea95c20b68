import { auditedAs } from '../../../core/security/audit.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { AdminProvider, SaveProvider } from '../models/oidc.ts';
import type { IdentityProviderRecord, OidcRepository } from '../ports/oidc.ts';

export interface IdentityProviders {
  list(): Promise<AdminProvider[]>;
  save(id: string, input: SaveProvider, principal: Principal, caller: Caller): Promise<AdminProvider>;
  remove(id: string, principal: Principal, caller: Caller): Promise<void>;
}

/** What administrators do about providers. */
export function createIdentityProviders(dependencies: {
  readonly repository: OidcRepository;
  readonly keyring: Keyring;
  readonly allowInsecure: boolean;
}): IdentityProviders {
  const { repository, keyring, allowInsecure } = dependencies;
  return {
    list: async () => (await repository.providers()).map(toAdminProvider),

    async save(id, { clientSecret, ...input }, principal, caller) {
      if (!allowInsecure && new URL(input.issuer).protocol !== 'https:')
        throw authError('invalid_issuer', { detail: 'The issuer must be an https address.' });
      const known = await repository.provider(id);
      if (known !== undefined && known.issuer !== input.issuer) throw issuerIsFixed();
      const sealedClientSecret =
        clientSecret === undefined
          ? (known?.sealedClientSecret ?? null)
          : await keyring.seal(`identity-provider ${id}`, clientSecret);
      const record = { id, ...input, sealedClientSecret };
      const saved = await repository.saveProvider(record, {
        ...auditedAs(principal, caller),
        action: 'identity-provider.save',
        object: { kind: 'identity-provider', id },
        result: 'success',
        details: { issuer: input.issuer, enabled: input.enabled, allowsSignUp: input.allowsSignUp },
      });
      if (!saved) throw issuerIsFixed();
      return toAdminProvider(record);
    },

    async remove(id, principal, caller) {
      if ((await repository.provider(id)) === undefined) throw authError('provider_not_found');
      const removed = await repository.deleteProvider(id, {
        ...auditedAs(principal, caller),
        action: 'identity-provider.remove',
        object: { kind: 'identity-provider', id },
        result: 'success',
      });
      if (!removed) throw authError('provider_not_found');
    },
  };
}

const issuerIsFixed = () =>
  authError('issuer_is_fixed', { detail: 'People are linked to it. Make another provider instead.' });

function toAdminProvider({ sealedClientSecret, ...provider }: IdentityProviderRecord): AdminProvider {
  return { ...provider, hasSecret: sealedClientSecret !== null };
}
