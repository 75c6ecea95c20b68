import { z } from 'zod';
import { logLine, type RunningService, runLocalService } from '../process.ts';
import { createIoredisEngine } from './ioredis-engine.ts';
import { createMemoryEngine } from './memory-engine.ts';
import { startUpstashFront } from './upstash-front.ts';

const environment = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  REDIS_TOKEN: z.string().min(1),
  REDIS_URL: z.string().optional(),
});

await runLocalService({ name: 'redis', start });

async function start(): Promise<RunningService> {
  const config = environment.parse(process.env);
  logLine('redis', config.REDIS_URL ? 'using the Redis at REDIS_URL' : 'keeping data in memory');
  const engine = config.REDIS_URL
    ? await createIoredisEngine(config.REDIS_URL)
    : createMemoryEngine({ now: Date.now, scriptTimeLimitMs: 5_000 });
  const front = await startUpstashFront({
    engine,
    host: config.HOST,
    port: config.PORT,
    token: config.REDIS_TOKEN,
  });
  return {
    port: front.port,
    async close() {
      await front.close();
      await engine.close();
    },
  };
}
