import type { AuthenticationResponse, RegistrationResponse } from '../models/passkeys.ts';
import type { Removal } from './mfa.ts';

export interface PasskeyRecord {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  /** base64url, as WebAuthn gives it. */
  readonly credentialId: string;
  /** COSE key, base64url. */
  readonly publicKey: string;
  readonly transports: readonly string[];
  readonly backedUp: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

export interface NewPasskey {
  readonly credentialId: string;
  readonly publicKey: string;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly backedUp: boolean;
}

/** Options for the browser's `navigator.credentials`, in their JSON form (WebAuthn level 3, 5.1.8 and 5.1.9). */
export type WebAuthnOptions = Readonly<Record<string, unknown>> & { readonly challenge: string };
type CredentialHint = Pick<PasskeyRecord, 'credentialId' | 'transports'>;

/**
 * WebAuthn for one relying party. Challenges are 256 bits in base64url. User verification is always asked for and
 * checked. What is not a good answer to the challenge, from one of our origins, is undefined.
 */
export interface WebAuthn {
  registrationOptions(input: {
    challenge: string;
    userHandle: string;
    userName: string;
    displayName: string;
    exclude: readonly CredentialHint[];
  }): Promise<WebAuthnOptions>;
  verifyRegistration(response: RegistrationResponse, challenge: string): Promise<NewPasskey | undefined>;
  /** @param allow undefined: any passkey that the authenticator has for us */
  assertionOptions(challenge: string, allow?: readonly CredentialHint[]): Promise<WebAuthnOptions>;
  /** Does not compare the counter with earlier ones: that is one step with storing it. */
  verifyAssertion(
    response: AuthenticationResponse,
    challenge: string,
    publicKey: string,
  ): Promise<{ counter: number; backedUp: boolean } | undefined>;
}

export interface PasskeyRepository {
  /** All of a user, the oldest first. */
  list(userId: string): Promise<PasskeyRecord[]>;
  findByCredentialId(credentialId: string): Promise<PasskeyRecord | undefined>;
  /** `taken`: the credential is registered already; `full`: the user has `max` of them. */
  insert(
    passkey: NewPasskey & { id: string; userId: string; name: string },
    max: number,
  ): Promise<PasskeyRecord | 'taken' | 'full'>;
  rename(userId: string, id: string, name: string): Promise<PasskeyRecord | undefined>;
  /** With the last factor the recovery codes go too. */
  remove(userId: string, id: string, keepLast: boolean): Promise<Removal>;
  /** Only forward; authenticators without a counter always send 0. False when it did not grow. */
  advanceCounter(id: string, counter: number, backedUp: boolean): Promise<boolean>;
}
