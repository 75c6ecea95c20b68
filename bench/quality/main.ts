import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Stack, startStack } from '../../src/local/stack.ts';
import { findFreePort } from '../../src/local/testing/free-port.ts';
import { type Person, pendingFiles, register } from './client.ts';
import { type Collection, readCollection } from './collection.ts';
import { type ExactSearch, readVectors } from './exact.ts';
import { mean, ndcgAt10, recallAt10 } from './measures.ts';

// Search quality through the whole product: upload, analyse, search over HTTP, against published judgements; and again
// for callers who may see a tenth, a hundredth and a thousandth of the collection.
// usage: node bench/quality/main.ts DIR NAME… (DIR holds NAME.zip in BEIR's layout)

const MODES = ['keyword', 'semantic', 'hybrid'] as const;
const UPLOADS_AT_ONCE = 8;
const ROOT = join(import.meta.dirname, '../..');
/** One in so many documents, each group within the next. */
const SHARES = [10, 100, 1_000] as const;

const [dir = '', ...names] = process.argv.slice(2);
const dataDir = await mkdtemp(join(tmpdir(), 'acs-quality-'));
const stack = await startStack({
  composition: 'monolith',
  dataDir,
  modelCacheDir: join(ROOT, '.data/models'),
  bundleDir: join(ROOT, '.data/bundles'),
  port: await findFreePort(),
  log: () => undefined,
  bindings: { LOG_LEVEL: 'silent', ACCESS_TOKEN_SECONDS: '86400', RATE_LIMIT_SCALE: '1000' },
});
try {
  for (const name of names) await measure(stack, await readCollection(resolve(dir, `${name}.zip`), name));
} finally {
  await stack.stop();
  await rm(dataDir, { recursive: true, force: true });
}

async function measure(system: Stack, collection: Collection): Promise<void> {
  const owner = await register(system.url, collection.name);
  const startedAt = Date.now();
  const readers = await upload(system, owner, collection);
  while ((await pendingFiles(owner)) > 0) await sleep(1_000);
  const seconds = (Date.now() - startedAt) / 1_000;
  const { size } = collection.documents;
  console.log(`${collection.name}: ${size} files searchable after ${seconds.toFixed(0)} s`);
  for (const mode of MODES) await measureMode(owner, collection, mode);
  const exact = await readVectors(system, owner.id);
  for (const reader of readers) await measureReader(reader, collection, exact);
}

async function measureMode(owner: Person, { queries, judgements }: Collection, mode: string): Promise<void> {
  const began = Date.now();
  const scores: { ndcg: number; recall: number }[] = [];
  for (const [id, question] of queries) {
    const ranked = await owner.search(question, mode, 10);
    const grades = judgements.get(id) ?? new Map<string, number>();
    scores.push({ ndcg: ndcgAt10(ranked, grades), recall: recallAt10(ranked, new Set(grades.keys())) });
  }
  const perQuery = (Date.now() - began) / queries.size;
  const ndcg = mean(scores.map((score) => score.ndcg)).toFixed(4);
  const recall = mean(scores.map((score) => score.recall)).toFixed(4);
  console.log(
    `  ${mode.padEnd(9)} nDCG@10 ${ndcg}  recall@10 ${recall}  (${perQuery.toFixed(0)} ms a query)`,
  );
}

interface Reader {
  readonly person: Person;
  readonly share: number;
  readonly sees: ReadonlySet<string>;
}

/** What the caller gets to see is compared with all that there is: nothing of it may be missing. */
async function measureReader(
  { person, share, sees }: Reader,
  { queries, judgements }: Collection,
  exact: ExactSearch,
): Promise<void> {
  const recalls: number[] = [];
  const scores = new Map<string, number[]>(MODES.map((mode) => [mode, []]));
  for (const [id, question] of queries) {
    const visible = [...(judgements.get(id) ?? [])].filter(([document]) => sees.has(document));
    for (const mode of MODES) {
      if (visible.length === 0 && mode !== 'semantic') continue;
      const ranked = await person.search(question, mode, 10);
      if (ranked.some((name) => !sees.has(name))) throw new Error(`${share}: something invisible was found`);
      if (visible.length > 0) scores.get(mode)?.push(ndcgAt10(ranked, new Map(visible)));
      if (mode === 'semantic') {
        const wanted = await exact.nearest(question, (name) => sees.has(name), 10);
        recalls.push(recallAt10(ranked, new Set(wanted)));
      }
    }
  }
  const figures = MODES.map((mode) => `${mode} ${mean(scores.get(mode) ?? []).toFixed(4)}`).join(', ');
  console.log(
    `  sees 1 in ${share} (${sees.size} files): vectors recall@10 ${mean(recalls).toFixed(4)}; nDCG@10 ${figures}`,
  );
}

async function upload(system: Stack, owner: Person, { name, documents }: Collection): Promise<Reader[]> {
  const folders = new Map<number, string>();
  const readers: Reader[] = [];
  for (const share of SHARES) {
    folders.set(share, await owner.folder(`one in ${share}`));
    readers.push({ person: await register(system.url, `${name}-${share}`), share, sees: new Set() });
  }
  for (const reader of readers)
    for (const [share, folder] of folders)
      if (share >= reader.share) await owner.share(folder, reader.person);
  const placed = [...documents].map(([id, text], at) => ({
    id,
    text,
    share: SHARES.toReversed().find((share) => at % share === 0),
  }));
  const sees = readers.map(({ person, share }) => ({
    person,
    share,
    sees: new Set(placed.filter((one) => (one.share ?? 0) >= share).map(({ id }) => id)),
  }));
  const waiting = placed.values();
  const worker = async () => {
    for (const { id, text, share } of waiting)
      await owner.upload(id, text, share === undefined ? undefined : folders.get(share));
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, worker));
  return sees;
}
