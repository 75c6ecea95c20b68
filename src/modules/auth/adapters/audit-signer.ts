import { type CryptoKey, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { z } from 'zod';
import { CHECKPOINT_TYPE } from '../../../core/security/audit-chain.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import type { AuditKeyStore, AuditSigner } from '../ports/audit.ts';

const ALGORITHM = 'EdDSA';
/** An isolate goes by the keys it knows for this long. */
const KEYS_MS = 30_000;
const context = (id: string) => `audit-signing-key ${id}`;

const publicKeySchema = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() });
const privateKeySchema = publicKeySchema.extend({ d: z.string() });
/** The first one signs; of the others only the public half is left. */
const storedSchema = z.object({
  keys: z
    .array(z.object({ id: z.string(), publicKey: publicKeySchema, sealedKey: z.string().nullable() }))
    .min(1),
});
type StoredKey = z.output<typeof storedSchema>['keys'][number];

/** Signs checkpoints with a key of their own, which is made at first use and kept sealed (docs/decisions/0013). */
export function createAuditSigner(options: {
  readonly store: AuditKeyStore;
  readonly keyring: Keyring;
  readonly now: () => Date;
}): AuditSigner {
  const { store, keyring, now } = options;
  let known: { keys: readonly StoredKey[]; until: number } = { keys: [], until: 0 };
  const opened = new Map<string, CryptoKey>();

  async function storedKeys(): Promise<readonly StoredKey[]> {
    if (known.until > now().getTime()) return known.keys;
    if ((await store.read()) === undefined) await store.insertFirst({ keys: [await newKey(keyring)] });
    const { keys } = storedSchema.parse(await store.read());
    known = { keys, until: now().getTime() + KEYS_MS };
    return keys;
  }

  async function signingKey(): Promise<{ id: string; key: CryptoKey }> {
    const [newest] = await storedKeys();
    if (!newest?.sealedKey) throw new Error('there is no key to sign checkpoints with');
    const { id, sealedKey } = newest;
    const ready = opened.get(id);
    if (ready) return { id, key: ready };
    const jwk = privateKeySchema.parse(JSON.parse(await keyring.open(context(id), sealedKey)));
    const key = await importJWK(jwk, ALGORITHM);
    if (key instanceof Uint8Array) throw new Error('the signing key is not asymmetric');
    opened.clear();
    opened.set(id, key);
    return { id, key };
  }

  return {
    async sign({ sequence, hash, createdAt }) {
      const { id, key } = await signingKey();
      return new SignJWT({ sequence, hash, createdAt: createdAt.toISOString() })
        .setProtectedHeader({ alg: ALGORITHM, typ: CHECKPOINT_TYPE, kid: id })
        .sign(key);
    },
    async publicKeys() {
      const keys = await storedKeys();
      return keys.map(({ id, publicKey }) => ({ ...publicKey, kid: id, alg: ALGORITHM, use: 'sig' }));
    },
    async rotate() {
      known = { keys: [], until: 0 };
      const keys = await storedKeys();
      const next = await newKey(keyring);
      const older = keys.map((key) => ({ ...key, sealedKey: null }));
      // Of two at once one wins, and a new key signs either way.
      await store.replace(keys[0]?.id ?? '', { keys: [next, ...older] });
      known = { keys: [], until: 0 };
      const [newest] = await storedKeys();
      return newest?.id ?? next.id;
    },
  };
}

async function newKey(keyring: Keyring): Promise<StoredKey> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { crv: 'Ed25519', extractable: true });
  const jwk = privateKeySchema.parse(await exportJWK(privateKey));
  const { d, ...publicKey } = jwk;
  const id = crypto.randomUUID();
  return { id, publicKey, sealedKey: await keyring.seal(context(id), JSON.stringify({ ...publicKey, d })) };
}
