import type { NewObject } from '../../../core/objects/vault.ts';
import type { KeepingStore } from '../ports/wrapped-keys.ts';

/** Where a wrapped data key lies in the bucket, by the key-encryption key that wraps it (docs/object-keys.md). */
export const copyKeyOf = (keyId: string, objectKey: string): string => `keys/${keyId}/${objectKey}`;

/** `v1.{key id}.…`, core/security/keyring.ts. */
export const keyIdOf = (wrappedKey: string): string => wrappedKey.split('.')[1] ?? '';

/** The bucket has to explain itself without the database: beside an encrypted object lies its wrapped data key. */
export function createWrappedKeys(store: KeepingStore) {
  return {
    /** May be repeated: what is there already wraps the same data key. */
    async keep({ id, key, wrappedKey }: NewObject): Promise<void> {
      if (wrappedKey === null) return;
      const copyKey = copyKeyOf(keyIdOf(wrappedKey), key);
      const body = new TextEncoder().encode(wrappedKey);
      const metadata = { 'object-id': id };
      const settings = { size: body.byteLength, contentType: 'text/plain', metadata };
      await store.put(copyKey, body, settings).catch(async (error: unknown) => {
        if ((await store.head(copyKey)) === undefined) throw error;
      });
    },

    /** The copy under the first of these keys that there is one of. */
    async find(objectKey: string, keyIds: readonly string[]): Promise<string | undefined> {
      for (const keyId of keyIds) {
        const answer = await store.get(copyKeyOf(keyId, objectKey));
        if (answer !== undefined) return answer.text();
      }
      return undefined;
    },
  };
}
export type WrappedKeys = ReturnType<typeof createWrappedKeys>;
