import { fromBase64Url, toBase64Url } from '../../../core/security/secret.ts';
import type { WebAuthn, WebAuthnOptions } from '../ports/passkeys.ts';

export interface RelyingParty {
  /** Domain that passkeys are bound to. */
  readonly id: string;
  readonly name: string;
  /** Origins of our own pages and apps. */
  readonly origins: readonly string[];
}

const TIMEOUT_MS = 300_000;
/** COSE: Ed25519, ECDSA on P-256, RSA PKCS #1 v1.5; the same wherever it runs. */
const ALGORITHMS = [-8, -7, -257];

/** Most isolates never see a passkey: the library is evaluated by the first that does. */
const load = () => import('@simplewebauthn/server');

export function createWebAuthn({ id: rpID, name: rpName, origins }: RelyingParty): WebAuthn {
  const hint = ({ credentialId, transports }: { credentialId: string; transports: readonly string[] }) => ({
    id: credentialId,
    transports: [...transports],
  });
  const expected = { expectedOrigin: [...origins], expectedRPID: rpID, requireUserVerification: true };
  return {
    async registrationOptions({ challenge, userHandle, userName, displayName, exclude }) {
      const { generateRegistrationOptions } = await load();
      const options = await generateRegistrationOptions({
        rpName,
        rpID,
        userName,
        userDisplayName: displayName,
        userID: fromBase64Url(userHandle),
        challenge: fromBase64Url(challenge),
        timeout: TIMEOUT_MS,
        attestationType: 'none',
        excludeCredentials: exclude.map(hint),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        supportedAlgorithmIDs: ALGORITHMS,
      });
      return { ...options };
    },

    async verifyRegistration({ id, rawId, type, response }, challenge) {
      const { verifyRegistrationResponse } = await load();
      const { clientDataJSON, attestationObject, transports = [] } = response;
      const answer = await orUndefined(() =>
        verifyRegistrationResponse({
          response: {
            id,
            rawId,
            type,
            response: { clientDataJSON, attestationObject },
            clientExtensionResults: {},
          },
          expectedChallenge: challenge,
          supportedAlgorithmIDs: ALGORITHMS,
          ...expected,
        }),
      );
      if (!answer?.verified) return undefined;
      const { credential, credentialBackedUp } = answer.registrationInfo;
      return {
        credentialId: credential.id,
        publicKey: toBase64Url(credential.publicKey),
        counter: credential.counter,
        transports,
        backedUp: credentialBackedUp,
      };
    },

    async assertionOptions(challenge, allow): Promise<WebAuthnOptions> {
      const { generateAuthenticationOptions } = await load();
      const options = await generateAuthenticationOptions({
        rpID,
        challenge: fromBase64Url(challenge),
        timeout: TIMEOUT_MS,
        userVerification: 'required',
        ...(allow === undefined ? {} : { allowCredentials: allow.map(hint) }),
      });
      return { ...options };
    },

    async verifyAssertion({ id, rawId, type, response }, challenge, publicKey) {
      const { verifyAuthenticationResponse } = await load();
      const { clientDataJSON, authenticatorData, signature } = response;
      const answer = await orUndefined(() =>
        verifyAuthenticationResponse({
          response: {
            id,
            rawId,
            type,
            response: { clientDataJSON, authenticatorData, signature },
            clientExtensionResults: {},
          },
          expectedChallenge: challenge,
          // The library compares counters before it has checked the signature; ours come after.
          credential: { id, publicKey: fromBase64Url(publicKey), counter: 0 },
          ...expected,
        }),
      );
      if (!answer?.verified) return undefined;
      const { newCounter, credentialBackedUp } = answer.authenticationInfo;
      return { counter: newCounter, backedUp: credentialBackedUp };
    },
  };
}

/** The library throws for whatever is wrong with an answer; it does no input or output that could fail otherwise. */
async function orUndefined<T>(verify: () => Promise<T>): Promise<T | undefined> {
  try {
    return await verify();
  } catch {
    return undefined;
  }
}
