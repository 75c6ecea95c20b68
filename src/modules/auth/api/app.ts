import type { createHttpApp } from '../../../core/http/app.ts';
import type { GuardedVariables } from '../../../core/http/authorize.ts';
import type { ThrottledVariables } from '../../../core/http/throttle.ts';
import type { AuthServices } from '../dependencies.ts';

export interface AuthVariables extends GuardedVariables, ThrottledVariables {
  services: AuthServices;
}

export type AuthApp = ReturnType<typeof createHttpApp<AuthVariables>>;
