/** One import that must not be, alone in its file. */
export interface PlantedViolation {
  readonly rule: string;
  readonly file: string;
  /** What the file imports, as the import statement has it; none for an orphan. */
  readonly imports?: string;
  /** Further files that the violation needs. */
  readonly needs?: Readonly<Record<string, string>>;
}

/** The smallest tree that keeps every rule: each file here is clean, and together they use all the doors. */
export const CLEAN_TREE: Readonly<Record<string, string>> = {
  'functions/auth/index.ts': `import '../../src/modules/auth/routes.ts';`,
  'functions/storage/index.ts': `import '../../src/modules/storage/routes.ts';`,
  'functions/ai/index.ts': `import '../../src/modules/ai/routes.ts';`,
  'functions/gateway/index.ts': `import '../../src/gateway/app.ts';`,
  'functions/monolith/index.ts': `import 'cloudflare:workers';
    import '../../src/gateway/app.ts';
    import '../../src/modules/auth/routes.ts';
    import './compose.ts';`,
  'functions/monolith/compose.ts': `import type { EdgeModule } from '../../src/core/http/edge-module.ts';`,
  'src/gateway/app.ts': `import './limits.ts';`,
  'src/gateway/limits.ts': `import '../core/http/app-error.ts';`,
  'src/modules/auth/routes.ts': `import './dependencies.ts';`,
  'src/modules/auth/dependencies.ts': `import './adapters/tokens.ts';`,
  'src/modules/auth/adapters/tokens.ts': `import 'jose';`,
  'src/modules/ai/routes.ts': `import './dependencies.ts';`,
  'src/modules/ai/dependencies.ts': `import './adapters/inference.ts';`,
  'src/modules/ai/adapters/inference.ts': `import '@huggingface/inference';`,
  'src/modules/storage/routes.ts': `import 'hono';
    import './api/files.ts';
    import './dependencies.ts';`,
  'src/modules/storage/api/files.ts': `import '../models.ts';
    import '../service.ts';`,
  'src/modules/storage/models.ts': `export const limit = 1;`,
  'src/modules/storage/errors.ts': `import '../../core/http/app-error.ts';`,
  'src/modules/storage/service.ts': `import './errors.ts';
    import '../../core/objects/object-store.ts';
    import '../../contracts/storage.ts';`,
  'src/modules/storage/repository.ts': `import 'drizzle-orm';
    import type { Database } from '../../core/database/client.ts';
    import '../../core/database/schema/published.ts';
    import '../../core/database/schema/storage.ts';`,
  'src/modules/storage/dependencies.ts': `import './repository.ts';
    import './service.ts';
    import '../../core/database/client.ts';
    import '../../core/objects/s3-object-store.ts';
    import '../../core/cache/upstash-cache.ts';`,
  'src/contracts/storage.ts': `import '../core/config/config.ts';`,
  'src/core/config/config.ts': `export const config = 1;`,
  'src/core/http/app-error.ts': `export const error = 1;`,
  'src/core/http/edge-module.ts': `export interface EdgeModule { fetch(): void }`,
  'src/core/database/client.ts': `import '@neondatabase/serverless';
    import 'drizzle-orm';
    export interface Database { query(): void }`,
  'src/core/database/schema/storage.ts': `import 'drizzle-orm';`,
  'src/core/database/schema/published.ts': `import 'drizzle-orm';`,
  'src/core/database/schema/auth.ts': `import 'drizzle-orm';`,
  'src/core/cache/upstash-cache.ts': `import '@upstash/redis';`,
  'src/core/objects/object-store.ts': `export const store = 1;`,
  'src/core/objects/s3-object-store.ts': `import '@aws-sdk/client-s3';
    import './object-store.ts';`,
  'src/core/security/access-token.ts': `import 'jose';`,
  'src/core/types.d.ts': `declare const one: 1;`,
  'src/sidecar/main.ts': `import '@huggingface/transformers';
    import '../contracts/storage.ts';
    import '../core/http/app-error.ts';`,
  'src/local/main.ts': `import '../core/config/config.ts';`,
  'src/local/s3.test.ts': `import '@aws-sdk/client-s3';`,
  'src/client/client.ts': `export const client = 1;`,
  'src/cli/main.ts': `import '../client/client.ts';`,
  'tests/support.ts': `import '../functions/monolith/compose.ts';`,
};

export const PLANTED: readonly PlantedViolation[] = [
  {
    rule: 'no-circular',
    file: 'src/core/telemetry/first.ts',
    imports: './second.ts',
    needs: { 'src/core/telemetry/second.ts': `import './first.ts';` },
  },
  { rule: 'no-orphans', file: 'src/core/telemetry/forgotten.ts' },
  {
    rule: 'product-never-imports-tests',
    file: 'src/core/telemetry/spy.ts',
    imports: '../../../tests/support.ts',
  },
  {
    rule: 'nothing-imports-functions',
    file: 'src/local/start.ts',
    imports: '../../functions/monolith/compose.ts',
  },
  {
    rule: 'function-imports-only-its-door',
    file: 'functions/auth/planted.ts',
    imports: '../../src/modules/storage/routes.ts',
  },
  {
    rule: 'gateway-function-imports-only-the-gateway',
    file: 'functions/gateway/planted.ts',
    imports: '../../src/gateway/limits.ts',
  },
  {
    rule: 'monolith-imports-only-doors',
    file: 'functions/monolith/planted.ts',
    imports: '../../src/modules/storage/service.ts',
  },
  { rule: 'only-functions-mount-doors', file: 'src/local/short-cut.ts', imports: '../gateway/app.ts' },
  {
    rule: 'modules-never-import-each-other',
    file: 'src/modules/ai/models/search.ts',
    imports: '../../storage/models.ts',
  },
  {
    rule: 'modules-never-import-the-gateway',
    file: 'src/modules/ai/errors.ts',
    imports: '../../gateway/limits.ts',
  },
  {
    rule: 'gateway-knows-no-module',
    file: 'src/gateway/openapi.ts',
    imports: '../modules/storage/models.ts',
  },
  {
    rule: 'api-knows-no-data-access',
    file: 'src/modules/storage/api/versions.ts',
    imports: '../repository.ts',
  },
  { rule: 'service-knows-no-http', file: 'src/modules/storage/service/upload.ts', imports: 'hono' },
  { rule: 'service-knows-no-vendor', file: 'src/modules/auth/service.ts', imports: 'jose' },
  {
    rule: 'repository-knows-no-http-or-service',
    file: 'src/modules/storage/repository/files.ts',
    imports: '../service.ts',
  },
  {
    rule: 'only-dependencies-wires-adapters',
    file: 'src/modules/storage/planted.ts',
    imports: '../../core/objects/s3-object-store.ts',
  },
  {
    rule: 'repository-touches-its-own-tables',
    file: 'src/modules/storage/repository/users.ts',
    imports: '../../../core/database/schema/auth.ts',
  },
  {
    rule: 'tables-only-in-repositories',
    file: 'src/modules/storage/service/trash.ts',
    imports: '../../../core/database/schema/storage.ts',
  },
  {
    rule: 'drizzle-only-in-database-and-repositories',
    file: 'src/contracts/search.ts',
    imports: 'drizzle-orm/pg-core',
  },
  { rule: 'aws-only-in-core-objects', file: 'src/gateway/upload.ts', imports: '@aws-sdk/client-s3' },
  { rule: 'neon-only-in-core-database', file: 'src/gateway/health.ts', imports: '@neondatabase/serverless' },
  { rule: 'upstash-only-in-core-cache', file: 'src/gateway/rate.ts', imports: '@upstash/redis' },
  {
    rule: 'inference-client-only-in-ai-adapters',
    file: 'src/modules/ai/worker.ts',
    imports: '@huggingface/inference',
  },
  {
    rule: 'transformers-only-in-sidecar',
    file: 'src/modules/ai/adapters/local.ts',
    imports: '@huggingface/transformers',
  },
  { rule: 'jose-only-in-security-and-auth', file: 'src/contracts/token.ts', imports: 'jose' },
  { rule: 'core-never-looks-up', file: 'src/core/http/planted.ts', imports: '../../contracts/storage.ts' },
  { rule: 'contracts-never-look-up', file: 'src/contracts/ai.ts', imports: '../modules/storage/models.ts' },
  { rule: 'edge-never-imports-node-side', file: 'src/gateway/planted.ts', imports: '../local/main.ts' },
  { rule: 'sidecar-holds-no-state', file: 'src/sidecar/planted.ts', imports: '../core/database/client.ts' },
  { rule: 'cli-and-web-use-only-the-client', file: 'src/cli/planted.ts', imports: '../contracts/storage.ts' },
];
