import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { createS3Server } from './server.ts';

export const BUCKET = 'test-bucket';
export const CREDENTIALS = { accessKeyId: 'test-key', secretAccessKey: 'test-secret' };
export const REGION = 'us-east-1';

export interface TestServer {
  endpoint: string;
  port: number;
  dataDir: string;
  /** The unmodified SDK with its default checksum behaviour. */
  client: S3Client;
  /** Errors the server took for its own; a test that leaves any has found a defect. */
  internalErrors: unknown[];
  /** How many files stand under the objects. */
  storedFiles(): number;
  close(): Promise<void>;
}

/** A server in this process on a folder that goes with it; `dataDir` reopens an earlier one instead. */
export async function startTestServer(
  options: { dataDir?: string; now?: () => number; encryption?: boolean } = {},
): Promise<TestServer> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'acs-s3-')));
  const internalErrors: unknown[] = [];
  const server = createS3Server({
    ...CREDENTIALS,
    region: REGION,
    bucket: BUCKET,
    dataDir,
    onError: (error) => internalErrors.push(error),
    ...(options.now && { now: options.now }),
    ...(options.encryption && { encryption: true }),
  });
  const port = await server.listen(0, '127.0.0.1');
  const endpoint = `http://127.0.0.1:${port}`;
  const client = createTestClient(endpoint);
  return {
    endpoint,
    port,
    dataDir,
    client,
    internalErrors,
    storedFiles: () => countFiles(dataDir),
    close: async () => {
      client.destroy();
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export function createTestClient(endpoint: string, secretAccessKey = CREDENTIALS.secretAccessKey): S3Client {
  return new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: { ...CREDENTIALS, secretAccessKey },
    maxAttempts: 1,
  });
}

export function countFiles(dataDir: string): number {
  const entries = readdirSync(join(dataDir, 'blobs'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}

/** The S3 error code a call is refused with; fails when it is not refused. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof S3ServiceException) return error.name;
  throw new Error('The call was not refused by the server.', { cause: error });
}

/** The `<Code>` of an error document. */
export async function codeOf(response: Response): Promise<string> {
  return /<Code>([^<]*)<\/Code>/.exec(await response.text())?.[1] ?? '';
}
