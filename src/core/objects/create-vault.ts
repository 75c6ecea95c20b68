import type { Keyring } from '../security/keyring.ts';
import type { ObjectEncryption } from './encryption.ts';
import { newDataKey, sealedSize } from './envelope.ts';
import { createEnvelopeBodies, type OnDamage } from './envelope-vault.ts';
import type { ObjectStore, StoreEncryption } from './object-store.ts';
import { createPlainBodies } from './plain-vault.ts';
import type { NewObject, Vault } from './vault.ts';

export interface VaultDependencies {
  readonly store: ObjectStore;
  /** Of new objects; those that are there are read as they were stored. */
  readonly encryption: ObjectEncryption;
  /** Under `sse-kms`: the key at the store's side. */
  readonly kmsKeyId?: string | undefined;
  /** Wraps data keys. */
  readonly keyring: Keyring;
  readonly onDamage?: OnDamage;
}

export function createVault({ store, encryption, kmsKeyId, keyring, onDamage }: VaultDependencies): Vault {
  const { multipart } = store;
  const keyOf = async ({ id, wrappedKey }: NewObject) => {
    if (wrappedKey === null) throw new Error(`the key of ${id} is gone`);
    return keyring.open(contextOf(id), wrappedKey);
  };
  const encryptionOf = (object: NewObject) => storeEncryption(object.encryption, kmsKeyId);
  const plain = createPlainBodies(store, encryptionOf);
  const envelope = createEnvelopeBodies(store, keyOf, onDamage);
  const bodies = (object: NewObject) => (object.encryption === 'envelope' ? envelope : plain);

  return {
    encryption,
    async prepare(id, key) {
      const wrappedKey = encryption === 'envelope' ? await keyring.seal(contextOf(id), newDataKey()) : null;
      return { id, key, encryption, wrappedKey };
    },
    put: (object, body, options) => bodies(object).put(object, body, options),
    get: (object, options) => bodies(object).get(object, options),
    presignGet: (object, options) => bodies(object).presignGet(object, options),
    presignStored: ({ key }, seconds) => store.presignGet(key, seconds),
    dataKey: async (object) => (object.encryption === 'envelope' ? keyOf(object) : null),
    begin: (object, options) => {
      const asked = encryptionOf(object);
      return multipart.create(object.key, { ...options, ...(asked ? { encryption: asked } : {}) });
    },
    putPart: (object, uploadId, part) => bodies(object).putPart(object, uploadId, part),
    presignPart: (object, uploadId, part) => bodies(object).presignPart(object, uploadId, part),
    parts: ({ key }, uploadId) => multipart.parts(key, uploadId),
    complete: ({ key }, uploadId, parts) => multipart.complete(key, uploadId, parts),
    abort: ({ key }, uploadId) => multipart.abort(key, uploadId),
    storedSize: (object, size) => (object.encryption === 'envelope' ? sealedSize(size) : size),
    async rewrap(object) {
      const { id, wrappedKey } = object;
      if (wrappedKey === null || wrappedKey.startsWith(keyring.currentPrefix)) return undefined;
      return keyring.seal(contextOf(id), await keyOf(object));
    },
  };
}

function contextOf(id: string): string {
  return `object-key ${id}`;
}

function storeEncryption(
  encryption: ObjectEncryption,
  kmsKeyId: string | undefined,
): StoreEncryption | undefined {
  if (encryption === 'sse-s3') return { algorithm: 'AES256' };
  if (encryption !== 'sse-kms') return undefined;
  if (kmsKeyId === undefined) throw new Error('there is no key for objects under sse-kms');
  return { algorithm: 'aws:kms', keyId: kmsKeyId };
}
