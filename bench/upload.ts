import { createHash, randomBytes } from 'node:crypto';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { type Environment, watchMemory, withBareWorker, withEnvironment } from './environment.ts';
import { type BenchResult, inTurns } from './result.ts';
import { upload } from './transfer.ts';

/**
 * 256 MB through gateway and storage module to S3, against a Worker of three lines that hands the body on to the
 * same S3. With the client's digest S3 verifies the bytes; without, the edge computes SHA-256 as they pass.
 */

const MB = 1_000_000;
const SIZE = 256 * MB;
const ROUNDS = 5;

export function run(): Promise<BenchResult[]> {
  return withEnvironment('split', (environment) =>
    withBareWorker('bare-pipe.ts', {}, (bareUrl) => compare(environment, bareUrl)),
  );
}

async function compare(
  { stack, workerdPid, accessToken }: Environment,
  bareUrl: string,
): Promise<BenchResult[]> {
  const bytes = randomBytes(SIZE);
  const digest = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
  const presign = presigner(stack.bindings);
  const throughEdge = async (headers: Readonly<Record<string, string>>) => {
    const url = `${stack.url}/v1/files?name=${crypto.randomUUID()}.bin`;
    const sent = { authorization: `Bearer ${accessToken}`, 'content-type': 'application/octet-stream' };
    return (await upload(url, 'POST', bytes, { ...sent, ...headers })).bytesPerSecond;
  };
  const throughBare = async () => {
    const target = await presign(`bench/${crypto.randomUUID()}`);
    return (await upload(bareUrl, 'POST', bytes, { 'x-target': target })).bytesPerSecond;
  };

  const memory = watchMemory(workerdPid);
  const before = await memory.current();
  try {
    const [verified = Number.NaN, hashed = Number.NaN, bare = Number.NaN] = await inTurns(ROUNDS, [
      () => throughEdge({ 'repr-digest': digest }),
      () => throughEdge({}),
      throughBare,
    ]);
    const row = (name: string, ours: number): BenchResult => ({
      name,
      ours: ours / MB,
      reference: bare / MB,
      unit: 'MB/s',
      aim: { of: 'ratio', atLeast: 0.8 },
    });
    return [
      row('upload of 256 MB, client sends digest / bare Worker', verified),
      row('upload of 256 MB, edge computes digest / bare Worker', hashed),
      {
        name: `  memory of workerd, growth over ${2 * (ROUNDS + 1)} uploads`,
        ours: (memory.peak() - before) / MB,
        unit: 'MB',
        aim: { atMost: 32 },
      },
    ];
  } finally {
    memory.stop();
  }
}

function presigner(bindings: Readonly<Record<string, string>>): (key: string) => Promise<string> {
  const client = new S3Client({
    endpoint: bindings.S3_ENDPOINT ?? '',
    region: bindings.S3_REGION ?? '',
    forcePathStyle: true,
    credentials: {
      accessKeyId: bindings.S3_ACCESS_KEY_ID ?? '',
      secretAccessKey: bindings.S3_SECRET_ACCESS_KEY ?? '',
    },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  return (key) =>
    getSignedUrl(client, new PutObjectCommand({ Bucket: bindings.S3_BUCKET, Key: key }), {
      expiresIn: 3_600,
    });
}
