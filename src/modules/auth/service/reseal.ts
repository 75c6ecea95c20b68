import type { Keyring } from '../../../core/security/keyring.ts';
import type { SealedColumn } from '../ports/sealed-columns.ts';

/** Values of one column and run: cron comes again in a minute. */
const BATCH = 50;

/**
 * Seals under the current key of the keyring what is still under an older one, so that the older one can go
 * (docs/secrets.md). May run any number of times at once: a value that changed meanwhile stays as it is.
 */
export function createReseal(dependencies: {
  readonly keyring: Keyring;
  readonly columns: readonly SealedColumn[];
}): () => Promise<void> {
  const { keyring, columns } = dependencies;
  return async () => {
    for (const { contextOf, notUnder, replace } of columns) {
      for (const { id, sealed } of await notUnder(keyring.currentPrefix, BATCH)) {
        const context = contextOf(id);
        await replace(id, sealed, await keyring.seal(context, await keyring.open(context, sealed)));
      }
    }
  };
}
