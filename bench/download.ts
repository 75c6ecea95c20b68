import { randomBytes } from 'node:crypto';
import { fileSchema } from '../src/contracts/storage.ts';
import { createS3ObjectStore } from '../src/core/objects/s3-object-store.ts';
import { watchMemory, withEnvironment } from './environment.ts';
import { type BenchResult, inTurns } from './result.ts';
import { download, upload } from './transfer.ts';

/** 256 MB through gateway, storage module and S3, against the same object by a presigned URL from the same S3. */

const MB = 1_000_000;
const SIZE = 256 * MB;
const ROUNDS = 7;

export function run(): Promise<BenchResult[]> {
  return withEnvironment('split', async ({ stack, workerdPid, accessToken }) => {
    const authorization = `Bearer ${accessToken}`;
    const created = await upload(`${stack.url}/v1/files?name=large.bin`, 'POST', randomBytes(SIZE), {
      authorization,
    });
    const file = fileSchema.parse(JSON.parse(created.body));
    const { S3_ENDPOINT = '', S3_REGION = '', S3_BUCKET = '' } = stack.bindings;
    const { S3_ACCESS_KEY_ID = '', S3_SECRET_ACCESS_KEY = '' } = stack.bindings;
    const objects = createS3ObjectStore({
      S3_ENDPOINT,
      S3_REGION,
      S3_BUCKET,
      S3_ACCESS_KEY_ID,
      S3_SECRET_ACCESS_KEY,
    });
    const presigned = await objects.presignGet(`objects/${file.id}/${file.version?.id}`, 3_600);
    const throughEdge = () => download(`${stack.url}/v1/files/${file.id}/content`, SIZE, { authorization });

    await throughEdge();
    const memory = watchMemory(workerdPid);
    const before = await memory.current();
    try {
      const [edge = Number.NaN, direct = Number.NaN] = await inTurns(ROUNDS, [
        throughEdge,
        () => download(presigned, SIZE),
      ]);
      return [
        {
          name: 'download of 256 MB / straight from S3',
          ours: edge / MB,
          reference: direct / MB,
          unit: 'MB/s',
          aim: { of: 'ratio', atLeast: 0.9 },
        },
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
  });
}
