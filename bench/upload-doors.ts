import { randomBytes } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { fileSchema } from '../src/contracts/storage.ts';
import { createS3Access, type S3Access } from '../src/core/objects/s3-access.ts';
import { type Environment, withEnvironment } from './environment.ts';
import { type BenchResult, inTurns } from './result.ts';
import { download, upload } from './transfer.ts';

/**
 * 64 MB into the system and out of it, by every door, against the same bytes straight to and from the same S3. Under
 * `envelope` nothing goes straight to the store: only the doors that encrypt are left.
 */

const MB = 1_000_000;
const SIZE = 64 * MB;
const ROUNDS = 5;
const CHUNK_BYTES = 16 * 1024 * 1024;
const URL_SECONDS = 3_600;
const CALL_MS = 30_000;

export async function run(): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const encryption of ['none', 'envelope'] as const)
    results.push(
      ...(await withEnvironment('split', (environment) => compare(environment, encryption), {
        OBJECT_ENCRYPTION: encryption,
      })),
    );
  return results;
}

type Door = readonly [name: string, pass: () => Promise<number>];

async function compare(
  { stack, accessToken }: Environment,
  encryption: 'none' | 'envelope',
): Promise<BenchResult[]> {
  const bytes = randomBytes(SIZE);
  const system = { url: stack.url, authorization: `Bearer ${accessToken}` };
  const direct = directlyTo(stack.bindings);
  const isPlain = encryption === 'none';
  const uploads: Door[] = [
    ['through the edge', () => throughEdge(system, bytes)],
    ['by TUS', () => byTus(system, bytes)],
    ...(isPlain ? [['in parts', () => inParts(system, bytes)] as const] : []),
  ];
  const fileId = await uploaded(system, bytes);
  const content = `${stack.url}/v1/files/${fileId}/content`;
  const { authorization } = system;
  const downloads: Door[] = [
    ['through the edge', () => download(content, SIZE, { authorization })],
    ...(isPlain ? [['redirected', () => redirected(content, authorization)] as const] : []),
  ];
  const key = `bench/${crypto.randomUUID()}`;
  await direct.put(key, bytes);
  return [
    ...(await rows(`upload of 64 MB, ${encryption}`, uploads, () => direct.put(key, bytes))),
    ...(await rows(`download of 64 MB, ${encryption}`, downloads, () => direct.get(key))),
  ];
}

async function rows(
  title: string,
  doors: readonly Door[],
  direct: () => Promise<number>,
): Promise<BenchResult[]> {
  const figures = await inTurns(ROUNDS, [direct, ...doors.map(([, pass]) => pass)]);
  const [reference = Number.NaN, ...ours] = figures.map((figure) => figure / MB);
  return doors.map(([name], index) => ({
    name: `${title}, ${name} / straight to S3`,
    ours: ours[index] ?? Number.NaN,
    reference,
    unit: 'MB/s',
  }));
}

interface System {
  readonly url: string;
  readonly authorization: string;
}

const newName = () => `${crypto.randomUUID()}.bin`;

async function throughEdge({ url, authorization }: System, bytes: Buffer): Promise<number> {
  const headers = { authorization, 'content-type': 'application/octet-stream' };
  return (await upload(`${url}/v1/files?name=${newName()}`, 'POST', bytes, headers)).bytesPerSecond;
}

async function uploaded({ url, authorization }: System, bytes: Buffer): Promise<string> {
  const answer = await upload(`${url}/v1/files?name=${newName()}`, 'POST', bytes, { authorization });
  return fileSchema.parse(JSON.parse(answer.body)).id;
}

/** As clients do it, one chunk after the other. */
async function byTus({ url, authorization }: System, bytes: Buffer): Promise<number> {
  const startedAt = performance.now();
  const headers = { authorization, 'tus-resumable': '1.0.0' };
  const created = await upload(`${url}/v1/tus`, 'POST', Buffer.alloc(0), {
    ...headers,
    'upload-length': `${SIZE}`,
    'upload-metadata': `filename ${btoa(newName())}`,
  });
  const location = new URL(created.headers.location ?? '', url).href;
  for (let offset = 0; offset < SIZE; offset += CHUNK_BYTES)
    await upload(location, 'PATCH', bytes.subarray(offset, offset + CHUNK_BYTES), {
      ...headers,
      'content-type': 'application/offset+octet-stream',
      'upload-offset': `${offset}`,
    });
  return perSecond(startedAt);
}

const begunSchema = z.object({ id: z.string(), partBytes: z.number(), partCount: z.number() });
const urlsSchema = z.object({ items: z.array(z.object({ number: z.number(), url: z.url() })) });

/** All parts at once. */
async function inParts({ url, authorization }: System, bytes: Buffer): Promise<number> {
  const startedAt = performance.now();
  const headers = { authorization, 'content-type': 'application/json' };
  const ask = async (path: string, body: unknown): Promise<unknown> => {
    const answer = await upload(`${url}${path}`, 'POST', Buffer.from(JSON.stringify(body)), headers);
    return JSON.parse(answer.body);
  };
  const wanted = { name: newName(), size: SIZE, partBytes: CHUNK_BYTES };
  const { id, partBytes, partCount } = begunSchema.parse(await ask('/v1/uploads', wanted));
  const { items } = urlsSchema.parse(await ask(`/v1/uploads/${id}/parts`, { first: 1, count: partCount }));
  await Promise.all(
    items.map(({ number, url: part }) =>
      upload(part, 'PUT', bytes.subarray((number - 1) * partBytes, number * partBytes), {}),
    ),
  );
  await ask(`/v1/uploads/${id}/complete`, {});
  return perSecond(startedAt);
}

async function redirected(content: string, authorization: string): Promise<number> {
  const startedAt = performance.now();
  const answer = await fetch(`${content}?redirect=true`, {
    headers: { authorization },
    redirect: 'manual',
    signal: AbortSignal.timeout(CALL_MS),
  });
  await answer.body?.cancel();
  const location = answer.headers.get('location');
  if (location === null) throw new Error(`no redirect, but ${answer.status}`);
  await download(location, SIZE);
  return perSecond(startedAt);
}

const perSecond = (startedAt: number) => SIZE / ((performance.now() - startedAt) / 1_000);

function directlyTo(bindings: Readonly<Record<string, string>>) {
  const { S3_ENDPOINT = '', S3_REGION = '', S3_BUCKET = '' } = bindings;
  const { S3_ACCESS_KEY_ID = '', S3_SECRET_ACCESS_KEY = '' } = bindings;
  const config = { S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY };
  const { presign }: S3Access = createS3Access(config);
  const at = (key: string) => ({ Bucket: S3_BUCKET, Key: key });
  return {
    put: async (key: string, bytes: Buffer) =>
      (await upload(await presign(new PutObjectCommand(at(key)), URL_SECONDS), 'PUT', bytes, {}))
        .bytesPerSecond,
    get: async (key: string) => download(await presign(new GetObjectCommand(at(key)), URL_SECONDS), SIZE),
  };
}
