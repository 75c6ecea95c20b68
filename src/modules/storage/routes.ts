import { perEnvironment } from '../../core/config/per-environment.ts';
import { createHttpApp, describeApi, limitBody } from '../../core/http/app.ts';
import { authorize, provideGuard } from '../../core/http/authorize.ts';
import type { EdgeModule } from '../../core/http/edge-module.ts';
import { mountReadiness } from '../../core/http/health.ts';
import { authenticateService } from '../../core/http/service-auth.ts';
import { mountAdminCache } from './api/admin-cache.ts';
import { mountAdminIntegrity } from './api/admin-integrity.ts';
import type { StorageVariables } from './api/app.ts';
import { limitText } from './api/bodies.ts';
import { mountChanges } from './api/changes.ts';
import { mountComments } from './api/comments.ts';
import { mountContent } from './api/content.ts';
import { mountDownloads } from './api/downloads.ts';
import { mountDrives } from './api/drives.ts';
import { mountFavourites } from './api/favourites.ts';
import { mountFiles } from './api/files.ts';
import { mountGrants } from './api/grants.ts';
import { mountInternal } from './api/internal.ts';
import { mountLinks } from './api/links.ts';
import { mountPreviews } from './api/previews.ts';
import { mountSharedLinks } from './api/shared-links.ts';
import { mountTrash } from './api/trash.ts';
import { mountTus } from './api/tus.ts';
import { mountUploads } from './api/uploads.ts';
import { refuseInvalidQuery } from './api/utf8.ts';
import { mountVersions } from './api/versions.ts';
import { mountWebhooks } from './api/webhooks.ts';
import { mountZip } from './api/zip.ts';
import { createStorageDependencies } from './dependencies.ts';
import { runMaintenance } from './maintenance.ts';

/** The storage module's one door. */
export function createStorageModule(): EdgeModule {
  const dependencies = perEnvironment(createStorageDependencies);
  const app = createHttpApp<StorageVariables>('storage');
  const service = authenticateService((env) => dependencies(env).serviceTokenSecret, 'storage');

  mountReadiness(app, (env) => dependencies(env).checks);
  app.use(
    provideGuard((env) => dependencies(env).guard),
    refuseInvalidQuery,
  );
  app.use('/internal/files/lookup', authorize('files:read', false), limitBody());
  app.use(
    '/internal/files/:id/rule-actions',
    authenticateService((env) => dependencies(env).serviceTokenSecret, 'storage', 'ai'),
    limitBody(),
  );
  app.use('/internal/events', service);
  app.use('/internal/versions/*', service);
  app.use('/v1/*', limitText);
  app.use(async (c, next) => {
    const { services, limiter, wakeUp, afterWrites } = dependencies(c.env);
    c.set('services', services);
    c.set('limiter', limiter);
    c.set('written', () => {
      c.executionCtx.waitUntil(Promise.all([wakeUp(c.get('requestId')), afterWrites()]));
    });
    await next();
  });

  mountAdminCache(app);
  mountAdminIntegrity(app);
  mountFiles(app);
  mountFavourites(app);
  mountDrives(app);
  mountContent(app);
  mountUploads(app);
  mountTus(app);
  mountDownloads(app);
  mountPreviews(app);
  mountZip(app);
  mountVersions(app);
  mountTrash(app);
  mountGrants(app);
  mountComments(app);
  mountLinks(app);
  mountSharedLinks(app);
  mountChanges(app);
  mountWebhooks(app);
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
