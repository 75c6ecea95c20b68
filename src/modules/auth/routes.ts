import { perEnvironment } from '../../core/config/per-environment.ts';
import { authenticate, createHttpApp, describeApi, limitBody } from '../../core/http/app.ts';
import type { EdgeModule } from '../../core/http/edge-module.ts';
import { mountReadiness } from '../../core/http/health.ts';
import { mountAccounts } from './api/accounts.ts';
import type { AuthVariables } from './api/app.ts';
import { mountKeys } from './api/keys.ts';
import { mountSessions } from './api/sessions.ts';
import { createAuthDependencies } from './dependencies.ts';

/** The auth module's one door. */
export function createAuthModule(): EdgeModule {
  const dependencies = perEnvironment(createAuthDependencies);
  const app = createHttpApp<AuthVariables>('auth');

  mountReadiness(app, (env) => dependencies(env).check());
  app.use('/v1/auth/*', limitBody());
  app.use(
    '/v1/auth/me',
    authenticate((env) => dependencies(env).verifier),
  );
  app.use(
    '/v1/auth/logout',
    authenticate((env) => dependencies(env).verifier),
  );
  app.use(async (c, next) => {
    c.set('service', dependencies(c.env).service);
    await next();
  });

  mountAccounts(app);
  mountSessions(app);
  mountKeys(app);
  describeApi(app, 'Auth');
  return { fetch: (request, env, ctx) => app.fetch(request, env, ctx) };
}
