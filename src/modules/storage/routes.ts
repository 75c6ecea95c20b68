import { perEnvironment } from '../../core/config/per-environment.ts';
import { createHttpApp, describeApi, limitBody } from '../../core/http/app.ts';
import { authorize, provideGuard } from '../../core/http/authorize.ts';
import type { EdgeModule } from '../../core/http/edge-module.ts';
import { mountReadiness } from '../../core/http/health.ts';
import { authenticateService } from '../../core/http/service-auth.ts';
import type { StorageVariables } from './api/app.ts';
import { mountContent } from './api/content.ts';
import { mountFiles } from './api/files.ts';
import { mountInternal } from './api/internal.ts';
import { mountVersions } from './api/versions.ts';
import { createStorageDependencies } from './dependencies.ts';
import { runMaintenance } from './maintenance.ts';

/** The storage module's one door. */
export function createStorageModule(): EdgeModule {
  const dependencies = perEnvironment(createStorageDependencies);
  const app = createHttpApp<StorageVariables>('storage');
  const service = authenticateService((env) => dependencies(env).serviceTokenSecret, 'storage');

  mountReadiness(app, (env) => dependencies(env).check());
  app.use(provideGuard((env) => dependencies(env).guard));
  app.use('/internal/files/*', authorize('files:read', false), limitBody());
  app.use('/internal/events', service);
  app.use('/internal/versions/*', service);
  app.on(['POST', 'PATCH'], ['/v1/folders', '/v1/files/:id'], limitBody());
  app.use(async (c, next) => {
    const { services, wakeUp, afterWrites } = dependencies(c.env);
    c.set('services', services);
    c.set('written', () => {
      c.executionCtx.waitUntil(Promise.all([wakeUp(c.get('requestId')), afterWrites()]));
    });
    await next();
  });

  mountFiles(app);
  mountContent(app);
  mountVersions(app);
  mountInternal(app);
  describeApi(app, 'Storage');
  return {
    fetch: (request, env, ctx) => app.fetch(request, env, ctx),
    scheduled: async (_controller, env) => {
      const { maintenance, logger } = dependencies(env);
      await runMaintenance(maintenance, logger);
    },
  };
}
