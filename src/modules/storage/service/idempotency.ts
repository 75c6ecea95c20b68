import type { Keyring } from '../../../core/security/keyring.ts';
import { storageError } from '../errors.ts';
import type { IdempotencyRepository, StoredAnswer } from '../ports/idempotency.ts';

export interface IdempotencyDependencies {
  readonly repository: IdempotencyRepository;
  readonly keyring: Keyring;
  readonly newUuid: () => string;
}

export type Idempotency = ReturnType<typeof createIdempotency>;

export type Admission =
  | { readonly kind: 'run'; readonly resourceUuid: string; readonly isFirst: boolean; readonly lease: string }
  | { readonly kind: 'replay'; readonly answer: StoredAnswer };

/** Longer than any one call that makes something but an upload; an upload that takes longer is still found by its id. */
const LEASE_SECONDS = 120;
const KEPT_SECONDS = 24 * 3_600;
const REMOVED_AT_ONCE = 1_000;

/** Calls with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): one effect, one answer, for a day. */
export function createIdempotency({ repository, keyring, newUuid }: IdempotencyDependencies) {
  const contextOf = (userId: string, key: string) => `idempotent-answer ${userId} ${key}`;

  return {
    /** @throws AppError idempotency_key_reused, idempotency_in_progress */
    async admit(userId: string, key: string, fingerprint: string): Promise<Admission> {
      const claim = await repository.claim(userId, key, fingerprint, newUuid(), LEASE_SECONDS);
      if (claim.state === 'claimed') return { kind: 'run', ...claim };
      if (claim.state === 'reused') throw storageError('idempotency_key_reused');
      if (claim.state === 'in_progress')
        throw storageError('idempotency_in_progress', { retryAfterSeconds: 1 });
      const body = await keyring.open(contextOf(userId, key), claim.body);
      return { kind: 'replay', answer: { status: claim.status, body, location: claim.location } };
    },

    async answered(userId: string, key: string, answer: StoredAnswer): Promise<void> {
      await repository.answer(userId, key, {
        ...answer,
        body: await keyring.seal(contextOf(userId, key), answer.body),
      });
    },
    refused: (userId: string, key: string, lease: string) => repository.forget(userId, key, lease),
    interrupted: (userId: string, key: string, lease: string) => repository.release(userId, key, lease),

    async removeOld(): Promise<void> {
      await repository.removeOlderThan(KEPT_SECONDS, REMOVED_AT_ONCE);
    },
  };
}
