import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { makeDocx, makePdf } from '../../../src/sidecar/testing/documents.ts';
import { type Account, newAccount } from '../harness/accounts.ts';
import { bodyOf, createClient } from '../harness/client.ts';
import { type CrashingStack, startCrashingStack } from '../harness/crashing-stack.ts';
import { query } from '../harness/database.ts';
import { type Content, makeFolder, upload } from '../harness/files.ts';
import { waitForModel } from '../harness/local-stack.ts';
import { namesFound, search } from '../harness/search.ts';
import { seeded, seedOfRun } from '../harness/seeded.ts';
import { whileAway } from '../harness/services.ts';
import { databaseOf } from '../harness/storage-truth.ts';
import { until } from '../harness/until.ts';

const FILES = 500;
const UPLOADS_AT_ONCE = 8;
const SEED = seedOfRun();

const batchSchema = z.object({
  id: z.string(),
  state: z.string(),
  total: z.int(),
  counts: z.record(z.string(), z.int()),
});
type Batch = z.infer<typeof batchSchema>;
const itemsSchema = z.object({
  items: z.array(
    z.object({ fileId: z.string(), state: z.string(), reason: z.string().nullable(), versionId: z.string() }),
  ),
  nextCursor: z.string().nullable(),
});

let system: CrashingStack;
let account: Account;
let hasModel: boolean;

beforeAll(async () => {
  system = await startCrashingStack({ composition: 'split', bindings: { RATE_LIMIT_SCALE: '1000' } });
  hasModel = await waitForModel(system.stack);
  account = await newAccount(createClient(system.stack.url));
});
afterAll(() => system?.dispose());

const bytes = (content: Uint8Array): Content => new Uint8Array(content);

/** Small ones of several kinds; every tenth is empty, encrypted, damaged or a program. */
function contentOf(n: number): [extension: string, content: Content] {
  const text = `Note ${n} about the lighthouse: the keeper wrote word${n} into the log.`;
  if (n % 40 === 9) return ['txt', ''];
  if (n % 40 === 19) return ['pdf', bytes(makePdf({ pages: [[text]], encrypted: true }))];
  if (n % 40 === 29) return ['docx', bytes(makeDocx([text]).subarray(0, 300))];
  if (n % 40 === 39)
    return ['pdf', bytes(Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01'), Buffer.alloc(2_000, 7)]))];
  if (n % 5 === 1) return ['md', `# Note ${n}\n\n${text}`];
  if (n % 5 === 2) return ['html', `<html><body><p>${text}</p></body></html>`];
  if (n % 5 === 3) return ['csv', `number,text\n${n},"${text}"\n`];
  return ['txt', text];
}

async function uploadAll(folderId: string): Promise<Map<string, number>> {
  const files = new Map<string, number>();
  const numbers = Array.from({ length: FILES }, (_, n) => n).values();
  const sender = async () => {
    for (const n of numbers) {
      const [extension, content] = contentOf(n);
      files.set((await upload(account.api, `note-${n}.${extension}`, content, folderId)).id, n);
    }
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, sender));
  return files;
}

/** Undefined while what it asks is coming back. */
async function batchNow(id: string): Promise<Batch | undefined> {
  const answer = await account.api.call('GET', `/v1/batches/${id}`).catch(() => undefined);
  return answer === undefined || answer.status === 503 ? undefined : bodyOf(answer, 200, batchSchema);
}

const through = ({ counts, total }: Batch): number => total - (counts.waiting ?? 0) - (counts.released ?? 0);

const progressed = (id: string, share: number) =>
  until(
    () => batchNow(id),
    (batch) => batch !== undefined && through(batch) >= share * FILES,
    { withinMs: 240_000, everyMs: 200, what: `${share} of the batch` },
  );

const rows = (sql: string) => query(databaseOf(system.stack), sql);

/** Whoever was killed with a lease in hand holds it for four minutes: they are over. */
const letLeasesEnd = () =>
  rows(`update ai.analyses set lease_until = now() - interval '1 second' where lease_until > now()`);

async function itemsOf(id: string) {
  const items: z.infer<typeof itemsSchema>['items'] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: string = `limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`;
    const answer = await account.api.call('GET', `/v1/batches/${id}/items?${page}`);
    const found: z.infer<typeof itemsSchema> = bodyOf(answer, 200, itemsSchema);
    items.push(...found.items);
    cursor = found.nextCursor;
  }
  return items;
}

it(`a batch of ${FILES} files comes to its end although sidecar, database and worker are killed in the middle`, {
  timeout: 600_000,
}, async (test) => {
  test.annotate(`SEED=${SEED}`);
  const random = seeded(SEED);
  const folder = await makeFolder(account.api, 'logs');
  const files = await uploadAll(folder.id);
  const asked = await account.api.call('POST', '/v1/batches', {
    json: { operation: 're-analyse', selection: { folderId: folder.id } },
  });
  const batch = bodyOf(asked, 201, batchSchema);
  expect(batch.total).toBe(FILES);

  await progressed(batch.id, 0.05 + 0.15 * random());
  await whileAway(system.stack, 'sidecar', () => sleep(3_000 * random()));
  await letLeasesEnd();
  await progressed(batch.id, 0.3 + 0.15 * random());
  await whileAway(system.stack, 'postgres', () => sleep(2_000 * random()));
  await letLeasesEnd();
  await progressed(batch.id, 0.55 + 0.2 * random());
  await system.crash();
  hasModel = await waitForModel(system.stack);
  await letLeasesEnd();

  const ended = await until(
    async () => {
      await system.stack.runCron().catch(() => undefined);
      return batchNow(batch.id);
    },
    (batch) => batch?.state === 'done',
    { withinMs: 300_000, everyMs: 1_000, what: 'the batch to be done' },
  );
  const items = await itemsOf(batch.id);
  const count = (state: string) => items.filter((item) => item.state === state).length;
  if (ended === undefined) throw new Error('the batch is not there');
  expect(ended.counts).toMatchObject({ waiting: 0, released: 0, cancelled: 0 });
  expect(through(ended)).toBe(FILES);
  expect([count('done'), count('skipped'), count('failed')]).toEqual([
    ended.counts.done,
    ended.counts.skipped,
    ended.counts.failed,
  ]);
  expect(new Set(items.map(({ fileId }) => fileId))).toEqual(new Set(files.keys()));
  expect(items).toHaveLength(FILES);

  const analyses = await rows(
    'select file_id, version_id, status, reason, todo, lease_token, chunk_count from ai.analyses',
  );
  expect(analyses).toHaveLength(FILES);
  const unexplained = analyses.filter(({ status, reason }) => status !== 'ready' && !reason);
  expect(unexplained).toEqual([]);
  const stuck = analyses.filter(({ todo, lease_token }) => String(todo) !== '' || lease_token !== null);
  expect(stuck).toEqual([]);
  const states = Object.fromEntries(
    ['ready', 'skipped', 'failed'].map((state) => [
      state,
      analyses.filter(({ status }) => status === state).length,
    ]),
  );
  // Of every forty: the empty one and the program, the encrypted and the damaged one.
  expect(states).toEqual({ ready: FILES - 50, skipped: 25, failed: 25 });

  // Whole, and once: passages as counted, a vector of each, none of a text that was read before.
  expect(
    await rows(`select a.version_id from ai.analyses a where a.status = 'ready' and (
        a.chunk_count <> (select count(*) from ai.chunks c where c.version_id = a.version_id)
        or ${hasModel} and a.chunk_count <> (select count(*) from ai.embeddings e where e.version_id = a.version_id)
        or a.chunk_count = 0)`),
  ).toEqual([]);
  for (const n of [0, 123, 496])
    expect(namesFound(await search(account.api, `word${n}`, { mode: 'keyword' }))[0]).toMatch(`note-${n}.`);
});
