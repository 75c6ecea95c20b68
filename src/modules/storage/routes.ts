import { perEnvironment } from '../../core/config/per-environment.ts';
import { createHttpApp, describeApi, limitBody } from '../../core/http/app.ts';
import { authorize, provideGuard } from '../../core/http/authorize.ts';
import type { EdgeModule } from '../../core/http/edge-module.ts';
import { mountReadiness } from '../../core/http/health.ts';
import { authenticateService } from '../../core/http/service-auth.ts';
import { mountAdminCache } from './api/admin-cache.ts';
import { mountAdminIntegrity } from './api/admin-integrity.ts';
import type { StorageVariables } from './api/app.ts';
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
import { refuseInvalidJsonText, refuseInvalidQuery } from './api/utf8.ts';
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

  mountReadiness(app, (env) => dependencies(env).check());
  app.use(
    provideGuard((env) => dependencies(env).guard),
    refuseInvalidQuery,
  );
  app.use('/internal/files/*', authorize('files:read', false), limitBody());
  app.use('/internal/events', service);
  app.use('/internal/versions/*', service);
  app.on(['POST', 'PATCH'], ['/v1/trash/:id/restore', '/v1/files/:id/versions/:versionId'], limitBody());
  app.on(
    ['POST', 'PATCH'],
    ['/v1/folders', '/v1/files/:id', '/v1/files/:id/copy'],
    limitBody(),
    refuseInvalidJsonText,
  );
  app.on(['PATCH', 'PUT'], ['/v1/drives/:id', '/v1/admin/storage/drives/:id/quota'], limitBody());
  app.use('/v1/webhooks/*', limitBody());
  app.on('POST', '/v1/admin/storage/fsck', limitBody());
  app.on('POST', ['/v1/uploads', '/v1/uploads/:id/parts'], limitBody());
  // Ten thousand parts by number and entity tag.
  app.on('POST', '/v1/uploads/:id/complete', limitBody(2 * 1024 * 1024));
  app.on(['POST', 'PATCH'], ['/v1/files/:id/grants/*', '/v1/links/:id'], limitBody());
  app.post('/v1/files/:id/:what{comments|links}', limitBody());
  app.post('/v1/shared-links/:token/unlock', limitBody());
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
