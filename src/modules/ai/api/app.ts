import type { createHttpApp } from '../../../core/http/app.ts';
import type { GuardedVariables } from '../../../core/http/authorize.ts';
import type { AiServices } from '../dependencies.ts';

export interface AiVariables extends GuardedVariables {
  services: AiServices;
}

export type AiApp = ReturnType<typeof createHttpApp<AiVariables>>;
