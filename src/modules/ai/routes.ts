import { perEnvironment } from '../../core/config/per-environment.ts';
import { createHttpApp, describeApi } from '../../core/http/app.ts';
import { provideGuard } from '../../core/http/authorize.ts';
import type { EdgeModule } from '../../core/http/edge-module.ts';
import { mountReadiness } from '../../core/http/health.ts';
import { mountAnalysis } from './api/analysis.ts';
import type { AiVariables } from './api/app.ts';
import { mountSearch } from './api/search.ts';
import { createConsumer } from './consumer.ts';
import { createAiDependencies } from './dependencies.ts';

/** The AI module's one door. */
export function createAiModule(): EdgeModule {
  const dependencies = perEnvironment(createAiDependencies);
  const app = createHttpApp<AiVariables>('ai');

  mountReadiness(app, (env) => dependencies(env).check());
  app.use(provideGuard((env) => dependencies(env).guard));
  app.use('/v1/*', async (c, next) => {
    c.set('services', dependencies(c.env).services(c.get('requestId')));
    await next();
  });

  mountAnalysis(app);
  mountSearch(app);
  describeApi(app, 'AI processor');
  return { fetch: (request, env, ctx) => app.fetch(request, env, ctx), ...createConsumer(dependencies) };
}
