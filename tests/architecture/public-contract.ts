import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EdgeModule } from '../../src/core/http/edge-module.ts';

const ROOT = join(import.meta.dirname, '../..');

/**
 * The doors of all modules. Their types are those of the edge, which tests of Node do not know, hence the import by
 * name; a door is checked for what it is.
 */
export async function modules(): Promise<EdgeModule[]> {
  const factories = { auth: 'createAuthModule', storage: 'createStorageModule', ai: 'createAiModule' };
  return Promise.all(
    Object.entries(factories).map(async ([name, factory]) => {
      const exports: Record<string, () => EdgeModule> = await import(
        pathToFileURL(join(ROOT, `src/modules/${name}/routes.ts`)).href
      );
      const create = exports[factory];
      if (create === undefined) throw new Error(`src/modules/${name}/routes.ts has no ${factory}`);
      return create();
    }),
  );
}

const ENV = {
  ENVIRONMENT: 'test',
  LOG_LEVEL: 'silent',
  DATABASE_URL: 'postgresql://u:p@localhost/db',
  UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:1',
  UPSTASH_REDIS_REST_TOKEN: 'token',
  AUTH_ISSUER: 'https://api.test',
  AUTH_ENCRYPTION_KEYS: `k1:${'A'.repeat(43)}`,
  STORAGE_ENCRYPTION_KEYS: `k1:${'A'.repeat(43)}`,
  EMAIL_ENDPOINT: 'http://127.0.0.1:1/emails',
  EMAIL_API_KEY: 'key',
  EMAIL_FROM: 'no-reply@api.test',
  S3_ENDPOINT: 'http://127.0.0.1:1',
  S3_BUCKET: 'bucket',
  S3_ACCESS_KEY_ID: 'id',
  S3_SECRET_ACCESS_KEY: 'secret',
  SERVICE_TOKEN_SECRET: 's'.repeat(32),
  SIDECAR_URL: 'http://127.0.0.1:1',
  AUTH: { fetch: async () => new Response(null, { status: 503 }) },
  STORAGE: { fetch: async () => new Response(null, { status: 503 }) },
  EVENTS: { send: async () => {} },
};

/** What a module publishes of itself: its part of the OpenAPI document. */
export async function contractOf(module: EdgeModule): Promise<unknown> {
  const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  const answer = await module.fetch(new Request('https://api.test/openapi.json'), ENV, context);
  return answer.json();
}
