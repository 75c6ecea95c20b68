import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const secretsSchema = z.object({
  postgresPassword: z.string().min(16),
  redisToken: z.string().min(16),
  s3AccessKeyId: z.string().min(8),
  s3SecretAccessKey: z.string().min(16),
  serviceTokenSecret: z.string().min(32),
  /** `id:key`, as the keyring takes it. */
  authEncryptionKeys: z.string().min(43),
  demoPassword: z.string().min(12),
  // Newer than the first installations, whose file gets them added.
  storageEncryptionKeys: z
    .string()
    .min(43)
    .default(() => `k1:${random(32)}`),
  emailApiKey: z
    .string()
    .min(16)
    .default(() => random(24)),
  metricsToken: z
    .string()
    .min(16)
    .default(() => random(24)),
  adminPassword: z
    .string()
    .min(12)
    .default(() => random(12)),
});
export type LocalSecrets = z.infer<typeof secretsSchema>;

/** The secrets of this installation: made once, at random, readable by its user only. */
export async function loadSecrets(dataDir: string): Promise<LocalSecrets> {
  const path = join(dataDir, 'secrets.json');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const secrets = secretsSchema.parse(text === undefined ? makeSecrets() : JSON.parse(text));
  const complete = JSON.stringify(secrets, null, 2);
  if (complete === text) return secrets;
  await mkdir(dataDir, { recursive: true });
  await writeFile(`${path}.new`, complete, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return secrets;
}

function makeSecrets(): z.input<typeof secretsSchema> {
  return {
    postgresPassword: random(24),
    redisToken: random(24),
    s3AccessKeyId: `local${randomBytes(8).toString('hex')}`,
    s3SecretAccessKey: random(32),
    serviceTokenSecret: random(36),
    authEncryptionKeys: `k1:${random(32)}`,
    demoPassword: random(12),
  };
}

function random(bytes: number): string {
  return randomBytes(bytes).toString('base64url');
}
