import { z } from 'zod';
import { logLine, runLocalService } from '../process.ts';
import { createS3Server } from './server.ts';

const environment = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65535).default(0),
  DATA_DIR: z.string().min(1),
  S3_ACCESS_KEY_ID: z.string().min(1),
  S3_SECRET_ACCESS_KEY: z.string().min(1),
  S3_BUCKET: z.string().min(1).optional(),
  /** For tests only: this server encrypts nothing. */
  S3_SSE: z.enum(['on', 'off']).default('off'),
  S3_REGION: z.string().min(1).default('us-east-1'),
});

await runLocalService({
  name: 's3',
  start: async () => {
    const env = environment.parse(process.env);
    const server = createS3Server({
      dataDir: env.DATA_DIR,
      accessKeyId: env.S3_ACCESS_KEY_ID,
      secretAccessKey: env.S3_SECRET_ACCESS_KEY,
      region: env.S3_REGION,
      bucket: env.S3_BUCKET,
      encryption: env.S3_SSE === 'on',
      onError: (error, requestId) =>
        logLine('s3', 'internal error', {
          requestId,
          reason: error instanceof Error ? error.message : String(error),
        }),
    });
    return { port: await server.listen(env.PORT, env.HOST), close: server.close };
  },
});
