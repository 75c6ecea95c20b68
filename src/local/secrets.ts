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
});
export type LocalSecrets = z.infer<typeof secretsSchema>;

/** The secrets of this installation: made once, at random, readable by its user only. */
export async function loadSecrets(dataDir: string): Promise<LocalSecrets> {
  const path = join(dataDir, 'secrets.json');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text !== undefined) return secretsSchema.parse(JSON.parse(text));
  const secrets = makeSecrets();
  await mkdir(dataDir, { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify(secrets, null, 2), { mode: 0o600 });
  await rename(`${path}.new`, path);
  return secrets;
}

function makeSecrets(): LocalSecrets {
  const random = (bytes: number) => randomBytes(bytes).toString('base64url');
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
