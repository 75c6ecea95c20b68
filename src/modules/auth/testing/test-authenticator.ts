import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

type Cbor = number | string | Buffer | Map<number | string, Cbor>;

export interface AuthenticatorChoices {
  readonly origin?: string;
  readonly rpId?: string;
  /** False: nobody unlocked it. */
  readonly userVerified?: boolean;
  readonly counter?: number;
  readonly challenge?: string;
  readonly type?: string;
  readonly userHandle?: string | null;
}

/** A passkey provider in software: one P-256 key, a counter, and whatever lies a test wants it to tell. */
export interface TestAuthenticator {
  readonly credentialId: string;
  /** What `navigator.credentials.create` would make of these options. */
  register(options: { challenge: string }, choices?: AuthenticatorChoices): object;
  /** What `navigator.credentials.get` would make of these options. */
  assert(options: { challenge: string }, choices?: AuthenticatorChoices): object;
}

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const HAS_CREDENTIAL = 0x40;

export function createTestAuthenticator(
  userId: string,
  options: { credentialId?: string; origin?: string } = {},
): TestAuthenticator {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const credentialId = options.credentialId ?? randomBytes(32).toString('base64url');
  const handle = Buffer.from(userId).toString('base64url');
  let uses = 0;

  const authenticatorData = (choices: AuthenticatorChoices, credential?: Buffer) => {
    const { rpId = 'api.test', userVerified = true, counter = uses } = choices;
    const flags =
      USER_PRESENT | (userVerified ? USER_VERIFIED : 0) | (credential === undefined ? 0 : HAS_CREDENTIAL);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), count, credential ?? Buffer.alloc(0)]);
  };
  const clientData = (type: string, challenge: string, choices: AuthenticatorChoices) =>
    Buffer.from(
      JSON.stringify({
        type: choices.type ?? type,
        challenge: choices.challenge ?? challenge,
        origin: choices.origin ?? options.origin ?? 'https://api.test',
        crossOrigin: false,
      }),
    );
  const about = { id: credentialId, rawId: credentialId, type: 'public-key', clientExtensionResults: {} };

  return {
    credentialId,
    register({ challenge }, choices = {}) {
      const id = Buffer.from(credentialId, 'base64url');
      const length = Buffer.alloc(2);
      length.writeUInt16BE(id.length);
      const key = cbor(
        new Map<number, Cbor>([
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, Buffer.from(x, 'base64url')],
          [-3, Buffer.from(y, 'base64url')],
        ]),
      );
      const authData = authenticatorData(choices, Buffer.concat([Buffer.alloc(16), length, id, key]));
      const attestation = new Map<string, Cbor>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData],
      ]);
      return {
        ...about,
        authenticatorAttachment: 'platform',
        response: {
          clientDataJSON: clientData('webauthn.create', challenge, choices).toString('base64url'),
          attestationObject: cbor(attestation).toString('base64url'),
          transports: ['internal', 'hybrid'],
          publicKeyAlgorithm: -7,
        },
      };
    },
    assert({ challenge }, choices = {}) {
      uses += 1;
      const data = authenticatorData(choices);
      const client = clientData('webauthn.get', challenge, choices);
      const signature = sign('sha256', Buffer.concat([data, sha256(client)]), privateKey);
      const userHandle = choices.userHandle === undefined ? handle : choices.userHandle;
      return {
        ...about,
        response: {
          clientDataJSON: client.toString('base64url'),
          authenticatorData: data.toString('base64url'),
          signature: signature.toString('base64url'),
          ...(userHandle === null ? {} : { userHandle }),
        },
      };
    },
  };
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

/** RFC 8949, as much as a credential needs. */
function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  const entries = [...value].flatMap(([key, item]) => [cbor(key), cbor(item)]);
  return Buffer.concat([head(5, value.size), ...entries]);
}

function head(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.from([(major << 5) | argument]);
  if (argument < 256) return Buffer.from([(major << 5) | 24, argument]);
  return Buffer.from([(major << 5) | 25, argument >> 8, argument & 0xff]);
}
