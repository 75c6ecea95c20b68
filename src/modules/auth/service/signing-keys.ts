import { auditedAs } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { SigningKeyPage } from '../models/signing-keys.ts';
import type { Revoker } from '../ports/sessions.ts';
import type { NewSigningKey, SigningKeyRepository } from '../ports/signing-keys.ts';

/**
 * A new key is published this long before it signs. Isolates read the keys anew after KEYS_MS, verifiers after a
 * minute (core/security/access-token.ts): all of them know a key long before they meet it.
 */
export const LEAD_SECONDS = 600;
/** What verifiers forgive at `exp`, and a little more for the clocks. */
const TOLERANCE_SECONDS = 60;
const LISTED = 200;
const DAY_SECONDS = 86_400;

export interface SigningKeys {
  list(): Promise<SigningKeyPage>;
  /** Publishes a new key, which signs after LEAD_SECONDS; the others end when their last token has. */
  rotate(principal: Principal, caller: Caller): Promise<SigningKeyPage>;
  /** For a key that got out: nothing of it is accepted from now on. @throws AppError `signing_key_not_found` */
  revoke(id: string, principal: Principal, caller: Caller): Promise<void>;
  /** Rotates when the newest key is old enough; of any number at once one does. */
  rotateIfDue(): Promise<void>;
}

export function createSigningKeys(dependencies: {
  readonly repository: SigningKeyRepository;
  readonly newKey: () => Promise<NewSigningKey>;
  readonly keyDays: number;
  readonly tokenSeconds: number;
}): SigningKeys {
  const { repository, newKey, keyDays, tokenSeconds } = dependencies;
  const olderThanSeconds = keyDays * DAY_SECONDS;
  const overlapSeconds = tokenSeconds + TOLERANCE_SECONDS;

  const rotate = async (condition: number | null, by: Revoker) =>
    repository.rotate({
      key: await newKey(),
      olderThanSeconds: condition,
      leadSeconds: LEAD_SECONDS,
      overlapSeconds,
      by,
    });

  const list = async (): Promise<SigningKeyPage> => ({
    items: (await repository.list(LISTED)).map((key) => ({
      id: key.id,
      state: key.state,
      createdAt: key.createdAt.toISOString(),
      signsFrom: key.signsFrom.toISOString(),
      retiresAt: key.retiresAt?.toISOString() ?? null,
      revokedAt: key.revokedAt?.toISOString() ?? null,
    })),
    nextCursor: null,
  });

  return {
    list,
    async rotate(principal, caller) {
      await rotate(null, auditedAs(principal, caller));
      return list();
    },
    async revoke(id, principal, caller) {
      if (!(await repository.revoke(id, await newKey(), auditedAs(principal, caller))))
        throw authError('signing_key_not_found');
    },
    async rotateIfDue() {
      if (await repository.isDue(olderThanSeconds))
        await rotate(olderThanSeconds, { actor: { kind: 'system' } });
    },
  };
}
