import type { Fetcher } from '../core/config/config.ts';
import type { GatewayConfig } from './config.ts';

export type ModuleName = 'AUTH' | 'STORAGE' | 'AI';

/** Who answers which public path, most specific first. A path that is not here does not exist. */
const ROUTES: readonly (readonly [RegExp, ModuleName])[] = [
  [/^\/v1\/auth\/[a-z0-9/_-]+$/i, 'AUTH'],
  [/^\/v1\/(workspaces|invitations|admin)(\/|$)/, 'AUTH'],
  [/^\/oauth\/[a-z_-]+$/, 'AUTH'],
  [/^\/account\/[a-z-]+$/, 'AUTH'],
  [/^\/\.well-known\/(jwks\.json|oauth-authorization-server|oauth-protected-resource)$/, 'AUTH'],
  [/^\/v1\/files\/[^/]+\/analysis$/, 'AI'],
  [/^\/v1\/search$/, 'AI'],
  [/^\/v1\/(files|folders)(\/|$)/, 'STORAGE'],
];

export function moduleFor(path: string, config: GatewayConfig): Fetcher | undefined {
  const name = ROUTES.find(([pattern]) => pattern.test(path))?.[1];
  return name && config[name];
}
