import type { Fetcher } from '../core/config/config.ts';
import type { GatewayConfig } from './config.ts';

export type ModuleName = 'AUTH' | 'STORAGE' | 'AI';

/** Who answers which public path, most specific first. A path that is not here does not exist. */
const ROUTES: readonly (readonly [RegExp, ModuleName])[] = [
  [/^\/v1\/auth\/[a-z0-9/_-]+$/i, 'AUTH'],
  [/^\/v1\/admin\/storage(\/|$)/, 'STORAGE'],
  [/^\/v1\/(workspaces|invitations|admin)(\/|$)/, 'AUTH'],
  [/^\/oauth\/[a-z_-]+$/, 'AUTH'],
  [/^\/account\/[a-z-]+$/, 'AUTH'],
  [/^\/\.well-known\/(jwks\.json|oauth-authorization-server|oauth-protected-resource)$/, 'AUTH'],
  [/^\/v1\/files\/[^/]+\/(analysis|categories|similar|text)(\/|$)/, 'AI'],
  [/^\/v1\/drives\/[^/]+\/(labels|rules|fields|plugins|models)(\/|$)/, 'AI'],
  [/^\/v1\/(search|ask|analyses|batches|models|plugins)(\/|$)/, 'AI'],
  [
    /^\/v1\/(files|folders|drives|uploads|tus|trash|shared|favourites|links|shared-links|changes|webhooks)(\/|$)/,
    'STORAGE',
  ],
];

/** Modules that take nothing but forms and JSON. */
const SMALL_BODIES: ReadonlySet<ModuleName> = new Set(['AUTH']);

export interface Target {
  readonly name: ModuleName;
  readonly module: Fetcher;
  /**
   * The gateway reads the body, up to the limit of JSON, before it hands the request on. A module that refuses a body
   * it has not read closes the connection, and of what it answered the client might see only that.
   */
  readonly takesSmallBodies: boolean;
}

export function targetOf(path: string, config: GatewayConfig): Target | undefined {
  const name = ROUTES.find(([pattern]) => pattern.test(path))?.[1];
  return name && { name, module: config[name], takesSmallBodies: SMALL_BODIES.has(name) };
}
