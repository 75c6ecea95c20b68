import { perEnvironment } from '../../core/config/per-environment.ts';
import { createHttpApp, describeApi, limitBody } from '../../core/http/app.ts';
import { provideGuard } from '../../core/http/authorize.ts';
import type { EdgeModule } from '../../core/http/edge-module.ts';
import { mountReadiness } from '../../core/http/health.ts';
import { describeError } from '../../core/telemetry/logger.ts';
import { mountAccounts } from './api/accounts.ts';
import type { AuthVariables } from './api/app.ts';
import { mountSessions } from './api/sessions.ts';
import { mountSigningKeys } from './api/signing-keys.ts';
import { type AuthDependencies, createAuthDependencies } from './dependencies.ts';

/** The auth module's one door. */
export function createAuthModule(): EdgeModule {
  const dependencies = perEnvironment(createAuthDependencies);
  const app = createHttpApp<AuthVariables>('auth');

  mountReadiness(app, (env) => dependencies(env).check());
  app.use(limitBody());
  app.use(provideGuard((env) => dependencies(env).guard));
  app.use(async (c, next) => {
    c.set('services', dependencies(c.env).services);
    await next();
  });

  mountAccounts(app);
  mountSessions(app);
  mountSigningKeys(app);
  describeApi(app, 'Auth');
  return {
    fetch: (request, env, ctx) => app.fetch(request, env, ctx),
    scheduled: (_controller, env) => maintain(dependencies(env)),
  };
}

/** Every task has its turn, whatever became of the others. */
async function maintain({ maintenance, logger }: AuthDependencies): Promise<void> {
  for (const { name, run } of maintenance) {
    await run().catch((error: unknown) =>
      logger.error('maintenance failed', { task: name, error: describeError(error) }),
    );
  }
}
