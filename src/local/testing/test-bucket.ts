import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import type { ObjectsConfig } from '../../core/objects/s3-access.ts';
import { BUCKET, CREDENTIALS, REGION, startTestServer, type TestServer } from '../s3/test-server.ts';

export interface TestBucket {
  readonly config: ObjectsConfig;
  /** The unmodified SDK with its default checksum behaviour. */
  readonly client: S3Client;
  /** The stand-in under it; undefined on a server that is not ours. */
  readonly server: TestServer | undefined;
  close(): Promise<void>;
}

/** An empty bucket: of the stand-in in this process, or with TEST_S3_ENDPOINT a new one on that server. */
export async function startTestBucket(): Promise<TestBucket> {
  const endpoint = process.env.TEST_S3_ENDPOINT;
  if (endpoint) return bucketOn(endpoint);
  const server = await startTestServer();
  const { client, close } = server;
  return { config: configOf(server.endpoint, BUCKET), client, server, close };
}

async function bucketOn(endpoint: string): Promise<TestBucket> {
  const config = configOf(endpoint, `acs-test-${crypto.randomUUID()}`);
  const client = new S3Client({
    endpoint,
    region: config.S3_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: config.S3_ACCESS_KEY_ID, secretAccessKey: config.S3_SECRET_ACCESS_KEY },
  });
  await client.send(new CreateBucketCommand({ Bucket: config.S3_BUCKET }));
  return {
    config,
    client,
    server: undefined,
    async close() {
      await remove(client, config.S3_BUCKET);
      client.destroy();
    },
  };
}

function configOf(endpoint: string, bucket: string): ObjectsConfig {
  const { env } = process;
  return {
    S3_ENDPOINT: endpoint,
    S3_REGION: env.TEST_S3_REGION ?? REGION,
    S3_BUCKET: bucket,
    S3_ACCESS_KEY_ID: env.TEST_S3_ACCESS_KEY_ID ?? CREDENTIALS.accessKeyId,
    S3_SECRET_ACCESS_KEY: env.TEST_S3_SECRET_ACCESS_KEY ?? CREDENTIALS.secretAccessKey,
  };
}

/** With all that is in it; one by one, which every server can. */
async function remove(client: S3Client, bucket: string): Promise<void> {
  const Bucket = bucket;
  for (;;) {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    if (Uploads.length === 0) break;
    for (const { Key, UploadId } of Uploads)
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  }
  for (;;) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    if (Contents.length === 0) break;
    for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket, Key }));
  }
  await client.send(new DeleteBucketCommand({ Bucket }));
}
