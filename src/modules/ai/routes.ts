import { perEnvironment } from '../../core/config/per-environment.ts';
import { createHttpApp, describeApi } from '../../core/http/app.ts';
import { provideGuard } from '../../core/http/authorize.ts';
import type { EdgeModule } from '../../core/http/edge-module.ts';
import { mountReadiness } from '../../core/http/health.ts';
import { mountAnalysis } from './api/analysis.ts';
import type { AiVariables } from './api/app.ts';
import { mountAsk } from './api/ask.ts';
import { mountBatches } from './api/batches.ts';
import { mountFields } from './api/fields.ts';
import { mountLabels } from './api/labels.ts';
import { mountModels } from './api/models.ts';
import { mountPlugins } from './api/plugins.ts';
import { mountRules } from './api/rules.ts';
import { mountSearch } from './api/search.ts';
import { mountSimilar } from './api/similar.ts';
import { createConsumer } from './consumer.ts';
import { createAiDependencies } from './dependencies.ts';

/** The AI module's one door. */
export function createAiModule(): EdgeModule {
  const dependencies = perEnvironment(createAiDependencies);
  const app = createHttpApp<AiVariables>('ai');

  mountReadiness(app, (env) => dependencies(env).checks);
  app.use(provideGuard((env) => dependencies(env).guard));
  app.use('/v1/*', async (c, next) => {
    c.set('services', dependencies(c.env).services(c.get('requestId')));
    await next();
  });

  mountAnalysis(app);
  mountModels(app);
  mountBatches(app);
  mountAsk(app);
  mountSearch(app);
  mountLabels(app);
  mountRules(app);
  mountFields(app);
  mountPlugins(app);
  mountSimilar(app);
  describeApi(app, 'AI processor');
  return { fetch: (request, env, ctx) => app.fetch(request, env, ctx), ...createConsumer(dependencies) };
}
