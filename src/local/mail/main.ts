import { z } from 'zod';
import { type RunningService, runLocalService } from '../process.ts';
import { startMailFront } from './mail-front.ts';
import { openOutbox } from './outbox.ts';

const environment = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  /** Folder of the mails. */
  DATA_DIR: z.string().min(1),
  EMAIL_API_KEY: z.string().min(1),
});

await runLocalService({ name: 'mail', start });

async function start(): Promise<RunningService> {
  const config = environment.parse(process.env);
  return startMailFront({
    outbox: await openOutbox(config.DATA_DIR, () => new Date()),
    host: config.HOST,
    port: config.PORT,
    apiKey: config.EMAIL_API_KEY,
  });
}
