import type { AuthenticatedVariables, createHttpApp } from '../../../core/http/app.ts';
import type { AuthService } from '../service.ts';

export interface AuthVariables extends AuthenticatedVariables {
  service: AuthService;
}

export type AuthApp = ReturnType<typeof createHttpApp<AuthVariables>>;
