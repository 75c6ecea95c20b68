import { createHash } from 'node:crypto';
import { DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { DependencyError } from '../resilience/dependency.ts';
import { type S3Access, S3Refusal } from './s3-access.ts';

const MAX_KEYS = 1_000;

/** DeleteObjects, a thousand at a time. */
export async function deleteMany(s3: S3Access, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += MAX_KEYS)
    await deletePage(s3, keys.slice(start, start + MAX_KEYS));
}

async function deletePage({ ask, bucket }: S3Access, keys: readonly string[]): Promise<void> {
  const command = new DeleteObjectsCommand({
    Bucket: bucket,
    Delete: { Quiet: true, Objects: keys.map((Key) => ({ Key })) },
  });
  // The SDK sends a CRC32, which older stores (Ceph 16) do not take for the digest that they demand.
  command.middlewareStack.add(
    (next) => (call) => {
      const { request } = call;
      if (isRequest(request)) request.headers['content-md5'] = md5(request.body);
      return next(call);
    },
    { step: 'build', priority: 'low' },
  );
  const answer = await ask((client, options) => client.send(command, options));
  if (answer instanceof S3Refusal) throw new DependencyError('s3', `DELETE answered ${answer.code}`);
  const failed = answer.Errors?.find(({ Code }) => Code !== 'NoSuchKey');
  if (failed)
    throw new DependencyError('s3', `DELETE of ${answer.Errors?.length} keys answered ${failed.Code}`);
}

function isRequest(
  request: unknown,
): request is { headers: Record<string, string>; body: string | Uint8Array } {
  return typeof request === 'object' && request !== null && 'headers' in request && 'body' in request;
}

function md5(body: string | Uint8Array): string {
  return createHash('md5').update(body).digest('base64');
}
