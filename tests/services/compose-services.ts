import { join } from 'node:path';
import { makeBucket, type Services } from './native-services.ts';
import { run } from './run.ts';

const ROOT = join(import.meta.dirname, '../..');
const COMPOSE = ['compose', '--file', join(ROOT, 'docker-compose.test.yml')];
/** Images may have to come first. */
const UP_MS = 15 * 60_000;
const DOWN_MS = 2 * 60_000;
/** What the Workers and the sidecar stand on; the sidecar itself is ours, started as always. */
const PARTS = ['neon-http', 'upstash-http', 'minio'];

/** The services of docker-compose.test.yml: with Neon's own proxy and an Upstash-compatible one in place of our fronts. */
export async function startComposeServices(): Promise<Services> {
  await run('docker', [...COMPOSE, 'up', '--detach', '--wait', ...PARTS], { timeoutMs: UP_MS });
  const stop = async () => {
    await run('docker', [...COMPOSE, 'down', '--volumes', '--timeout', '10'], { timeoutMs: DOWN_MS });
  };
  try {
    const s3 = await makeBucket({
      endpoint: 'http://127.0.0.1:9000',
      region: 'us-east-1',
      accessKeyId: 'acs-test',
      secretAccessKey: 'acs-test-secret',
    });
    const bindings = {
      DATABASE_URL: 'postgres://acs:acs-test@db.localtest.me:5432/acs',
      DATABASE_FETCH_ENDPOINT: 'http://127.0.0.1:4444/sql',
      UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:8079',
      UPSTASH_REDIS_REST_TOKEN: 'acs-test',
    };
    const images = await run('docker', [...COMPOSE, 'images'], { timeoutMs: DOWN_MS });
    return { versions: images.split('\n'), env: { ...s3, TEST_BINDINGS: JSON.stringify(bindings) }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
