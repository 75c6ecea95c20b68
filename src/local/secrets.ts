import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';

const secretsSchema = z.object({
  postgresPassword: z.string().min(16),
  redisToken: z.string().min(16),
  s3AccessKeyId: z.string().min(8),
  s3SecretAccessKey: z.string().min(16),
  serviceTokenSecret: z.string().min(32),
  /** A JSON Web Key Set, as text. */
  signingKeys: z.string().min(32),
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
  const secrets = await makeSecrets();
  await mkdir(dataDir, { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify(secrets, null, 2), { mode: 0o600 });
  await rename(`${path}.new`, path);
  return secrets;
}

async function makeSecrets(): Promise<LocalSecrets> {
  const random = (bytes: number) => randomBytes(bytes).toString('base64url');
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const key = { ...(await exportJWK(privateKey)), kid: random(8) };
  return {
    postgresPassword: random(24),
    redisToken: random(24),
    s3AccessKeyId: `local${randomBytes(8).toString('hex')}`,
    s3SecretAccessKey: random(32),
    serviceTokenSecret: random(36),
    signingKeys: JSON.stringify({ keys: [key] }),
    demoPassword: random(12),
  };
}
