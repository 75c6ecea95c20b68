import type { WakeUp } from '../../../core/events/wake-up.ts';
import type { createHttpApp } from '../../../core/http/app.ts';
import type { GuardedVariables } from '../../../core/http/authorize.ts';
import type { StorageService } from '../service.ts';

export interface StorageVariables extends GuardedVariables {
  service: StorageService;
  wakeUp: WakeUp;
}

export type StorageApp = ReturnType<typeof createHttpApp<StorageVariables>>;
