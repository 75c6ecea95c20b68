import type { ObjectStore } from '../../../../core/objects/object-store.ts';
import { auditedAs } from '../../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../../core/security/principal.ts';
import { storageError } from '../../errors.ts';
import type { CheckedObject, Finding, IntegrityRepository } from '../../ports/integrity.ts';
import { pageOf } from '../page.ts';
import { type Pair, pairsAfter } from './compare.ts';
import { type Examination, examineBytes, examineHead } from './examine.ts';

export interface FsckDependencies extends Examination {
  readonly repository: IntegrityRepository;
  readonly store: Pick<ObjectStore, 'list' | 'head'>;
  readonly now: () => number;
  /** How long an orphan stays in quarantine. */
  readonly graceSeconds: number;
  /** Younger ones may be on their way to their row. */
  readonly youngSeconds: number;
  /** Told of each object that turned out to be damaged. */
  readonly onDamage: (finding: Finding) => void;
}

export interface FsckRequest {
  /** Reads all bytes, rather than asking for their sizes. */
  readonly deep: boolean;
  /** Without it nothing is changed. */
  readonly repair: boolean;
  /** A key: what comes behind it. */
  readonly after: string;
  readonly limit: number;
  readonly timeMs: number;
  /** In place of what is configured, for orphans of any age. */
  readonly graceSeconds?: number | undefined;
}

export interface FsckStep {
  readonly findings: readonly Finding[];
  readonly checked: number;
  readonly repaired: number;
  readonly quarantined: number;
  readonly deleted: number;
  readonly next: string | null;
}

export type Fsck = ReturnType<typeof createFsck>;

const DELETIONS = 10_000;
const ADMIN_STEP = { limit: 1_000, timeMs: 20_000 };

/** Compares database and bucket, both ways, a piece at a time. */
export function createFsck(dependencies: FsckDependencies) {
  const { repository, store, now } = dependencies;

  /** @throws AppError bucket_of_another_database, when it should repair */
  async function step(request: FsckRequest): Promise<FsckStep> {
    if (request.repair && !(await repository.isOurs())) throw storageError('bucket_of_another_database');
    const until = now() + request.timeMs;
    const { pairs, next } = await pairsAfter(repository, store, request.after, request.limit);
    const findings: Finding[] = [];
    let checked = 0;
    let repaired = 0;
    for (const pair of pairs) {
      if (checked > 0 && now() > until) break;
      checked += 1;
      if (pair.object === undefined) continue;
      const outcome = await checkObject(dependencies, pair.object, pair, request);
      if (outcome === 'repaired') repaired += 1;
      else if (outcome !== undefined) findings.push(outcome);
    }
    const seen = pairs.slice(0, checked);
    const orphans = await orphansAmong(dependencies, seen, request.graceSeconds);
    for (const { key, size } of orphans)
      findings.push({ kind: 'orphan', key, objectId: null, detail: `${size} bytes that nothing names` });
    const reached = checked < pairs.length ? (seen.at(-1)?.key ?? request.after) : next;
    const counts = { checked, repaired, quarantined: 0, deleted: 0, next: reached };
    if (!request.repair) return { ...counts, findings };
    // At the beginning of a run, so that an orphan never goes in the run that finds it.
    const graceSeconds = request.graceSeconds ?? dependencies.graceSeconds;
    const deleted = request.after === '' ? await repository.release(graceSeconds, DELETIONS) : 0;
    if (orphans.length > 0) await repository.quarantine(orphans);
    return { ...counts, findings, deleted, quarantined: orphans.length };
  }

  return {
    step,

    /** For an administrator: one bounded piece. */
    async run(
      asking: { readonly principal: Principal; readonly caller: Caller },
      {
        deep,
        repair,
        cursor,
      }: { readonly deep: boolean; readonly repair: boolean; readonly cursor?: string | undefined },
    ) {
      const { next, ...rest } = await step({ ...ADMIN_STEP, deep, repair, after: cursor ?? '' });
      await repository.audit({
        ...auditedAs(asking.principal, asking.caller),
        action: 'integrity.check',
        result: 'success',
        details: { deep, repair, checked: rest.checked, findings: rest.findings.length },
      });
      return { ...rest, findings: [...rest.findings], nextCursor: next };
    },

    async findings({ cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number }) {
      const rows = await repository.findings(cursor ?? null, limit + 1);
      const items = rows.map(({ since, ...row }) => ({ ...row, since: since.toISOString() }));
      return pageOf(items, limit, ({ key }) => key);
    },
  };
}

/** What the listing says is doubted: an object may have come, or gone, since. */
async function checkObject(
  dependencies: FsckDependencies,
  object: CheckedObject,
  { stored }: Pair,
  { deep, repair }: FsckRequest,
): Promise<Finding | 'repaired' | undefined> {
  const { vault, repository, onDamage } = dependencies;
  const isRefused = object.state === 'missing' || object.state === 'corrupt';
  if (!deep && !isRefused && stored?.size === vault.storedSize(object, object.size)) return undefined;
  const found =
    (await examineHead(dependencies, object)) ?? (await digestIf(deep || isRefused, dependencies, object));
  const current = await repository.object(object.id);
  if (current === undefined || current.key !== object.key) return undefined;
  if (found === undefined) return undefined;
  if (typeof found === 'string') {
    if (!repair)
      return isRefused
        ? { kind: stateOf(object), key: object.key, objectId: object.id, detail: GOOD_AGAIN }
        : undefined;
    return (await repository.confirm(object.id, found)) === 'repaired' ? 'repaired' : undefined;
  }
  onDamage(found);
  if (repair)
    await repository.refuse(object.id, found.kind === 'missing' ? 'missing' : 'corrupt', found.detail);
  return found;
}

const GOOD_AGAIN = 'its bytes are good again: --repair serves it';

const stateOf = ({ state }: CheckedObject): Finding['kind'] => (state === 'missing' ? 'missing' : 'corrupt');

async function digestIf(
  isWanted: boolean,
  dependencies: Examination,
  object: CheckedObject,
): Promise<Finding | string | undefined> {
  return isWanted ? examineBytes(dependencies, object) : undefined;
}

/** @param graceSeconds as told by a person, who knows what is on its way */
export async function orphansAmong(
  { repository, now, youngSeconds }: Pick<FsckDependencies, 'repository' | 'now' | 'youngSeconds'>,
  pairs: readonly Pair[],
  graceSeconds?: number,
): Promise<{ key: string; size: number }[]> {
  const newest = now() - Math.min(youngSeconds, graceSeconds ?? youngSeconds) * 1_000;
  const alone = pairs.flatMap(({ object, stored }) =>
    object === undefined && stored !== undefined && stored.modifiedAt.getTime() <= newest ? [stored] : [],
  );
  const orphans = new Set(alone.length === 0 ? [] : await repository.orphans(alone.map(({ key }) => key)));
  return alone.filter(({ key }) => orphans.has(key)).map(({ key, size }) => ({ key, size }));
}
