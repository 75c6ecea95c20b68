import type { WakeUp } from '../../../core/events/wake-up.ts';
import type { AuthenticatedVariables, createHttpApp } from '../../../core/http/app.ts';
import type { StorageService } from '../service.ts';

export interface StorageVariables extends AuthenticatedVariables {
  service: StorageService;
  wakeUp: WakeUp;
}

export type StorageApp = ReturnType<typeof createHttpApp<StorageVariables>>;
