import type { Keyring } from '../../../core/security/keyring.ts';
import type { Logger } from '../../../core/telemetry/logger.ts';
import type { SealedColumn } from '../ports/sealed-columns.ts';

/** Values of one column and run: cron comes again in a minute. */
const BATCH = 50;

/**
 * Seals under the current key of the keyring what is still under an older one, so that the older one can go
 * (docs/secrets.md). May run any number of times at once: a value that changed meanwhile stays as it is.
 */
export function createReseal(dependencies: {
  readonly keyring: Keyring;
  readonly logger: Logger;
  readonly columns: readonly SealedColumn[];
}): () => Promise<void> {
  const { keyring, columns, logger } = dependencies;
  return async () => {
    for (const { contextOf, notUnder, replace } of columns) {
      for (const { id, sealed } of await notUnder(keyring.currentPrefix, BATCH)) {
        const context = contextOf(id);
        // One value that does not open must not keep the others under an old key.
        const value = await keyring.open(context, sealed).catch(() => undefined);
        if (value === undefined) logger.error('a sealed value does not open', { context });
        else await replace(id, sealed, await keyring.seal(context, value));
      }
    }
  };
}
