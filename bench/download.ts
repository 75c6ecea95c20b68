import { randomBytes } from 'node:crypto';
import { fileSchema } from '../src/contracts/storage.ts';
import { createS3ObjectStore } from '../src/core/objects/s3-object-store.ts';
import { type Environment, watchMemory, withBareWorker, withEnvironment } from './environment.ts';
import { type BenchResult, inTurns } from './result.ts';
import { download, upload } from './transfer.ts';

/** 256 MB through gateway, storage module and S3, against the same object by a presigned URL from the same S3. */

const MB = 1_000_000;
const SIZE = 256 * MB;
const ROUNDS = 7;

export function run(): Promise<BenchResult[]> {
  return withEnvironment('split', (environment) =>
    withBareWorker('bare-pipe.ts', {}, (bareUrl) => compare(environment, bareUrl)),
  );
}

async function compare(
  { stack, workerdPid, accessToken }: Environment,
  bareUrl: string,
): Promise<BenchResult[]> {
  const authorization = `Bearer ${accessToken}`;
  const target = `${stack.url}/v1/files?name=large.bin`;
  const created = await upload(target, 'POST', randomBytes(SIZE), { authorization });
  const file = fileSchema.parse(JSON.parse(created.body));
  const presigned = await presignGet(stack.bindings, `objects/${file.id}/${file.version?.id}`);
  const throughEdge = () => download(`${stack.url}/v1/files/${file.id}/content`, SIZE, { authorization });

  await throughEdge();
  const memory = watchMemory(workerdPid);
  const before = await memory.current();
  try {
    const [edge = Number.NaN, direct = Number.NaN, bare = Number.NaN] = await inTurns(ROUNDS, [
      throughEdge,
      () => download(presigned, SIZE),
      () => download(bareUrl, SIZE, { 'x-target': presigned }),
    ]);
    const row = (name: string, ours: number, reference: number) => ({
      name,
      ours: ours / MB,
      reference: reference / MB,
      unit: 'MB/s',
    });
    return [
      { ...row('download of 256 MB / straight from S3', edge, direct), aim: { of: 'ratio', atLeast: 0.9 } },
      row('  download of 256 MB / bare Worker', edge, bare),
      {
        name: `  memory of workerd, growth over ${ROUNDS + 1} downloads`,
        ours: (memory.peak() - before) / MB,
        unit: 'MB',
        aim: { atMost: 32 },
      },
    ];
  } finally {
    memory.stop();
  }
}

function presignGet(bindings: Readonly<Record<string, string>>, key: string): Promise<string> {
  const { S3_ENDPOINT = '', S3_REGION = '', S3_BUCKET = '' } = bindings;
  const { S3_ACCESS_KEY_ID = '', S3_SECRET_ACCESS_KEY = '' } = bindings;
  const config = { S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY };
  return createS3ObjectStore(config).presignGet(key, 3_600);
}
