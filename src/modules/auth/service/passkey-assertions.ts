import type { RecordAudit } from '../../../core/security/audit.ts';
import type { Caller } from '../../../core/security/principal.ts';
import { toBase64Url } from '../../../core/security/secret.ts';
import type { AuthenticationResponse } from '../models/passkeys.ts';
import type { PasskeyRecord, PasskeyRepository, WebAuthn } from '../ports/passkeys.ts';
import type { NotifyUser } from './factor-notices.ts';

export interface PasskeyAssertions {
  /**
   * Proves a passkey by its answer to a challenge, and moves its counter. Undefined when it is not a registered one,
   * not of this user (first factor: not of the user that it names), or its answer is not good.
   */
  verify(
    input: { response: AuthenticationResponse; challenge: string; userId?: string },
    caller: Caller,
  ): Promise<PasskeyRecord | undefined>;
}

/** The user handle that passkeys keep: the id, which says nothing about the person (WebAuthn level 3, 14.6.1). */
export function userHandleOf(userId: string): string {
  return toBase64Url(new TextEncoder().encode(userId));
}

export function createPasskeyAssertions(dependencies: {
  readonly repository: PasskeyRepository;
  readonly webauthn: WebAuthn;
  readonly recordAudit: RecordAudit;
  readonly notify: NotifyUser;
}): PasskeyAssertions {
  const { repository, webauthn, recordAudit, notify } = dependencies;

  // WebAuthn level 3, 6.1.1: a counter that does not grow says that somebody else has the private key too.
  async function reportClone({ id, userId }: PasskeyRecord, caller: Caller): Promise<void> {
    await recordAudit({
      actor: { kind: 'anonymous', id: userId },
      action: 'passkey.verify',
      object: { kind: 'passkey', id },
      result: 'denied',
      reason: 'counter_went_back',
      address: caller.address,
      requestId: caller.requestId,
    });
    await notify(
      userId,
      'A passkey of your account was refused, because it seems to have been copied. Remove it and make a new one.',
    );
  }

  return {
    async verify({ response, challenge, userId }, caller) {
      const passkey = await repository.findByCredentialId(response.id);
      if (passkey === undefined || passkey.userId !== (userId ?? passkey.userId)) return undefined;
      const handle = response.response.userHandle ?? undefined;
      const mayBeMissing = userId !== undefined;
      if (handle === undefined ? !mayBeMissing : handle !== userHandleOf(passkey.userId)) return undefined;
      const assertion = await webauthn.verifyAssertion(response, challenge, passkey.publicKey);
      if (assertion === undefined) return undefined;
      if (await repository.advanceCounter(passkey.id, assertion.counter, assertion.backedUp)) return passkey;
      await reportClone(passkey, caller);
      return undefined;
    },
  };
}
