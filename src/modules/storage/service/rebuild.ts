import { digestOf } from '../../../core/objects/digest.ts';
import { objectEncryptionSchema } from '../../../core/objects/encryption.ts';
import { plainSize } from '../../../core/objects/envelope.ts';
import type { ObjectHead, ObjectStore } from '../../../core/objects/object-store.ts';
import type { StoredObject, Vault } from '../../../core/objects/vault.ts';
import { nameKey } from '../models/names.ts';
import type { JournalState } from '../ports/journal.ts';
import type { RebuildRepository, StrayVersion } from '../ports/rebuild.ts';
import { newState } from './journal.ts';
import type { JournalFiles, JournalName } from './journal-files.ts';
import type { MediaType } from './media-type.ts';
import type { WrappedKeys } from './wrapped-keys.ts';

export interface RebuildDependencies {
  readonly repository: RebuildRepository;
  readonly files: JournalFiles;
  readonly keys: WrappedKeys;
  /** All key-encryption keys, the current one first. */
  readonly keyIds: readonly string[];
  readonly vault: Vault;
  readonly store: Pick<ObjectStore, 'list' | 'head'>;
  readonly mediaType: (object: StoredObject, announced: string) => Promise<MediaType>;
  readonly now: () => number;
  /** Objects that no journal knows and that are older than that before its end are orphans. */
  readonly strayMs: number;
}

/** What did not come back as it was. */
export interface RebuildProblem {
  readonly kind: 'moved' | 'unexplained' | 'unreadable' | 'orphan';
  readonly subject: string;
  readonly detail: string;
}

export interface RebuildSummary {
  readonly files: number;
  readonly versions: number;
  /** Versions that only their objects knew of. */
  readonly strays: number;
  readonly problems: number;
}

export class NotEmptyError extends Error {
  override name = 'NotEmptyError';
}

const LINES_AT_ONCE = 200;
const ENTRIES_AT_ONCE = 200;
const KEYS_AT_ONCE = 1_000;
const CALLS_AT_ONCE = 5;
/** What is larger had no digest at the end of its upload either: it is read later, by the check that is due. */
const DIGEST_BYTES = 64 * 1024 * 1024;

/**
 * Makes the tree of an empty database from the bucket alone: from the journal, then from the metadata of objects that are
 * younger than it. It may be broken off and run again. Nobody else may write meanwhile; journal and sweep wait by themselves.
 */
export function createRebuild(dependencies: RebuildDependencies) {
  return async (
    report: (problem: RebuildProblem) => void,
    { force = false }: { readonly force?: boolean } = {},
  ): Promise<RebuildSummary> => {
    const { repository, files, now } = dependencies;
    const state = await repository.state();
    if (state === 'filled' && !force)
      throw new NotEmptyError('There are files in this database. --force adds to them what is missing.');
    let problems = 0;
    const tell = (problem: RebuildProblem) => {
      problems += 1;
      report(problem);
    };
    await repository.begin();
    const names = await files.list();
    for (const key of await chosen(dependencies, names)) await stage(dependencies, key);
    const counts = await insertAll(dependencies, tell);
    await placeAll(repository, tell);
    const last = names.at(-1);
    const strays = await addStrays(
      dependencies,
      tell,
      last === undefined ? 0 : await writtenAt(dependencies, last),
    );
    await repository.end(nextState(now(), names));
    return { ...counts, strays, problems };
  };
}

/** Keys of the last snapshot's parts, and of the segments behind it, in order. */
async function chosen({ files }: RebuildDependencies, names: readonly JournalName[]): Promise<string[]> {
  const snapshot = names.findLast(({ kind }) => kind === 'snapshot');
  const segments = names.filter(
    ({ kind, place }) => kind === 'segment' && (snapshot === undefined || place > snapshot.place),
  );
  const { parts }: { parts: string[] } =
    snapshot === undefined ? { parts: [] } : JSON.parse(await files.read(snapshot.key));
  return [...parts, ...segments.map(({ key }) => key)];
}

async function stage({ repository, files }: RebuildDependencies, key: string): Promise<void> {
  const lines = (await files.read(key)).split('\n').filter((line) => line !== '');
  for (let start = 0; start < lines.length; start += LINES_AT_ONCE)
    await repository.stage(lines.slice(start, start + LINES_AT_ONCE));
}

async function insertAll(
  { repository, keys, keyIds }: RebuildDependencies,
  tell: (problem: RebuildProblem) => void,
): Promise<{ files: number; versions: number }> {
  const counts = { files: 0, versions: 0 };
  for (let after: string | null | undefined; after !== null; ) {
    const wrapped: Record<string, string> = {};
    await inTurns(await repository.encrypted(after ?? null, ENTRIES_AT_ONCE), async (key) => {
      const found = await keys.find(key, keyIds);
      if (found !== undefined) wrapped[key] = found;
      else tell({ kind: 'unreadable', subject: key, detail: 'its data key is not in the bucket' });
    });
    const page = await repository.insert(after ?? null, ENTRIES_AT_ONCE, wrapped);
    counts.files += page.files;
    counts.versions += page.versions;
    after = page.last;
  }
  return counts;
}

async function placeAll(
  repository: RebuildRepository,
  tell: (problem: RebuildProblem) => void,
): Promise<void> {
  for (let after: string | null | undefined; after !== null; ) {
    // Two of a page that want one name are placed one after the other, so that the second one sees the first.
    const together = repository.place(after ?? null, ENTRIES_AT_ONCE);
    const page = await together.catch(() => repository.place(after ?? null, 1));
    for (const subject of page.moved)
      tell({ kind: 'moved', subject, detail: 'its folder is not there, or its name was taken' });
    after = page.last;
  }
  for (let after: string | null | undefined; after !== null; )
    after = (await repository.settle(after ?? null, ENTRIES_AT_ONCE)).last;
}

/** @param journalEndMs 0 without a journal: then nothing is too old */
async function addStrays(
  dependencies: RebuildDependencies,
  tell: (problem: RebuildProblem) => void,
  journalEndMs: number,
): Promise<number> {
  const { repository, store, strayMs } = dependencies;
  let added = 0;
  for (let after: string | null | undefined; after !== null; ) {
    const page = await store.list({ prefix: 'objects/', limit: KEYS_AT_ONCE, ...(after ? { after } : {}) });
    const unknown = new Set(await repository.unknown(page.objects.map(({ key }) => key)));
    for (const { key, modifiedAt } of page.objects.filter(({ key }) => unknown.has(key))) {
      const isOrphan = modifiedAt.getTime() < journalEndMs - strayMs;
      const stray = isOrphan ? 'orphan' : await explained(dependencies, key);
      if (stray === undefined)
        tell({ kind: 'unexplained', subject: key, detail: 'its metadata does not say what it is' });
      else if (stray === 'orphan')
        tell({ kind: 'orphan', subject: key, detail: 'older than the journal, which does not know it' });
      else if (stray === 'unreadable')
        tell({ kind: 'unreadable', subject: key, detail: 'its data key is not in the bucket' });
      else {
        await repository.add(stray);
        added += 1;
      }
    }
    after = page.next;
  }
  return added;
}

async function explained(
  { store, vault, keys, keyIds, mediaType }: RebuildDependencies,
  key: string,
): Promise<StrayVersion | 'unreadable' | undefined> {
  const head = await store.head(key);
  const said = head && metadataOf(head);
  if (head === undefined || said === undefined) return undefined;
  const { encryption, objectId } = said;
  const wrappedKey = encryption === 'envelope' ? await keys.find(key, keyIds) : null;
  if (wrappedKey === undefined) return 'unreadable';
  const size = encryption === 'envelope' ? plainSize(head.size) : head.size;
  const object = { id: objectId, key, encryption, wrappedKey, size };
  const { contentType, announcedType } = await mediaType(object, head.contentType);
  const body = said.sha256 === null && size <= DIGEST_BYTES ? (await vault.get(object))?.body : undefined;
  const sha256 = body ? await digestOf(body) : said.sha256;
  return { ...said, object, size, sha256, contentType, announcedType, createdAt: head.modifiedAt };
}

/** Undefined where something is missing, or is not what it should be. */
function metadataOf({ metadata }: ObjectHead) {
  const id = (name: string, pattern: RegExp) => {
    const value = metadata[name] ?? '';
    return pattern.test(value) ? value : null;
  };
  const encryption = objectEncryptionSchema.safeParse(metadata.encryption);
  const fileId = id('file-id', /^file_[0-9a-f]{32}$/);
  const versionId = id('version-id', /^ver_[0-9a-f]{32}$/);
  const objectId = id('object-id', /^obj_[0-9a-f]{32}$/);
  const driveId = id('owner-id', /^(usr|wsp)_[0-9a-f]{32}$/);
  const createdBy = id('created-by', /^usr_[0-9a-f]{32}$/);
  const { name } = metadata;
  if (!encryption.success || !fileId || !versionId || !objectId || !driveId || !createdBy || !name)
    return undefined;
  return {
    ...{ fileId, versionId, objectId, driveId, createdBy, name, nameKey: nameKey(name) },
    encryption: encryption.data,
    parentId: id('parent-id', /^file_[0-9a-f]{32}$/),
    sha256: id('sha256', /^[0-9a-f]{64}$/),
  };
}

async function writtenAt({ store }: RebuildDependencies, { key }: JournalName): Promise<number> {
  const head = await store.head(key);
  return head?.modifiedAt.getTime() ?? 0;
}

/** An epoch behind all that there were, whatever the clock says. */
function nextState(now: number, names: readonly JournalName[]): JournalState {
  const last = Math.max(0, ...names.map(({ epoch }) => Number(epoch)));
  return newState(Math.max(now, last + 1));
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += CALLS_AT_ONCE)
    await Promise.all(items.slice(start, start + CALLS_AT_ONCE).map(work));
}
