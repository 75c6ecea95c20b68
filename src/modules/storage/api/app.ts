import type { createHttpApp } from '../../../core/http/app.ts';
import type { GuardedVariables } from '../../../core/http/authorize.ts';
import type { ThrottledVariables } from '../../../core/http/throttle.ts';
import type { StorageServices } from '../dependencies.ts';

export interface StorageVariables extends GuardedVariables, ThrottledVariables {
  services: StorageServices;
  /** With an idempotency key: the id of what the call makes. */
  resourceUuid: string | undefined;
  /** An earlier try of the same call may have made it already. */
  isRepeated: boolean | undefined;
  /** Called after something was written: whoever reads the outbox is told, and what is due is done after the answer. */
  written: () => void;
}

export type StorageApp = ReturnType<typeof createHttpApp<StorageVariables>>;
