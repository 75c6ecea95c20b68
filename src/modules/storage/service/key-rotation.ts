import type { Vault } from '../../../core/objects/vault.ts';
import type { KeyRotationRepository } from '../ports/wrapped-keys.ts';
import { copyKeyOf, keyIdOf, type WrappedKeys } from './wrapped-keys.ts';

export interface KeyRotationDependencies {
  readonly repository: KeyRotationRepository;
  readonly keys: WrappedKeys;
  readonly vault: Pick<Vault, 'rewrap'>;
  /** What is wrapped under the current key begins with it. */
  readonly currentPrefix: string;
}

const AT_ONCE = 200;
/** While a deployment spreads, an instance that goes by the old order of keys may still turn to the old copy. */
const DELETE_AFTER_SECONDS = 600;

/**
 * Wraps data keys anew that are not under the current key-encryption key; objects are not touched. First the copy in
 * the bucket, then the row: at every moment what the row says is in the bucket too.
 */
export function createKeyRotation({ repository, keys, vault, currentPrefix }: KeyRotationDependencies) {
  return {
    async run(): Promise<void> {
      for (const object of await repository.notUnder(currentPrefix, AT_ONCE)) {
        const wrappedKey = await vault.rewrap(object);
        if (wrappedKey === undefined || object.wrappedKey === null) continue;
        await keys.keep({ ...object, wrappedKey });
        const copies = {
          from: copyKeyOf(keyIdOf(object.wrappedKey), object.key),
          to: copyKeyOf(keyIdOf(wrappedKey), object.key),
        };
        await repository.replace(object, wrappedKey, copies, DELETE_AFTER_SECONDS);
      }
    },
  };
}
