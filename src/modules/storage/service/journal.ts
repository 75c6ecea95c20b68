import type { JournalRepository, JournalState, Position } from '../ports/journal.ts';
import { type JournalFiles, partKey, placeOf, segmentKey, snapshotKey } from './journal-files.ts';

export interface JournalDependencies {
  readonly repository: JournalRepository;
  readonly files: JournalFiles;
  readonly newToken: () => string;
  readonly now: () => number;
  /** The bucket belongs to another database: its tree has to be rebuilt here before anything is written. */
  readonly onForeign: () => void;
}

const LEASE_SECONDS = 60;
/** Of one run. */
const SEGMENTS = 10;
const PARTS = 10;
const EVENTS_IN_SEGMENT = 200;
const FILES_IN_PART = 500;
/** Of one segment or part, but for the one file that has more. */
const VERSIONS_AT_ONCE = 2_000;
/** A snapshot replaces so many segments; more where it is larger than that itself. */
const SEGMENTS_KEPT = 500;
/** What was purged or renamed is in older segments until then. */
const SNAPSHOT_EVERY_MS = 24 * 3_600_000;

/**
 * Writes into the bucket what only the database knows of files: names, folders, versions, rights. Segments follow the
 * outbox, each with the present state of all that it is about; from time to time a snapshot of everything takes the
 * place of those before it. From these, and the metadata of objects, `rebuild` makes the tree anew.
 */
export function createJournal(dependencies: JournalDependencies) {
  const { repository, newToken } = dependencies;

  return {
    async run(): Promise<void> {
      const token = newToken();
      const leased = await repository.lease(token, LEASE_SECONDS);
      if (leased === undefined) return;
      try {
        const state = leased.state ?? (await begin(dependencies));
        if (state === undefined) return dependencies.onForeign();
        await advance(dependencies, token, leased.position, state);
      } finally {
        await repository.release(token);
      }
    },
  };
}

async function begin({ files, now }: JournalDependencies): Promise<JournalState | undefined> {
  if ((await files.list()).length > 0) return undefined;
  return newState(now());
}

/** @param now ms; the first snapshot is due */
export function newState(now: number): JournalState {
  return {
    epoch: String(now).padStart(13, '0'),
    segments: 0,
    sealedWith: [],
    snapshot: null,
    complete: null,
  };
}

/** Begins or goes on with a snapshot if one is due, then follows the outbox; ends the snapshot when that has come past it. */
async function advance(
  dependencies: JournalDependencies,
  token: string,
  from: Position,
  before: JournalState,
): Promise<void> {
  const { repository, files, now } = dependencies;
  let state = before;
  let position = from;
  if (state.snapshot === null && isDue(state, files.sealedWith, now()))
    state = withSnapshot(state, position, String(now()).padStart(13, '0'), files.sealedWith);
  for (let left = PARTS; left > 0 && state.snapshot?.end === null; left -= 1) {
    const next = await writePart(dependencies, state);
    if (!(await repository.save(token, next))) return;
    state = next;
  }
  for (let left = SEGMENTS; left > 0; left -= 1) {
    const { last, horizon, lines } = await repository.segment(position, EVENTS_IN_SEGMENT, VERSIONS_AT_ONCE);
    if (last === undefined) {
      if (isPassed(state.snapshot?.end, horizon)) await endSnapshot(dependencies, token, state);
      return;
    }
    await files.write(segmentKey(state.epoch, last), lines.join('\n'));
    const sealedWith = [...new Set([...state.sealedWith, files.sealedWith])];
    state = { ...state, segments: state.segments + 1, sealedWith };
    // Whoever lost the lease has written what is there now, or what somebody else wrote before: no harm done.
    if (!(await repository.save(token, state, last))) return;
    position = last;
  }
}

function isDue({ complete, segments, sealedWith }: JournalState, current: string, now: number): boolean {
  if (complete === null) return true;
  if ([complete.sealedWith, ...sealedWith].some((other) => other !== current)) return true;
  if (segments >= Math.max(SEGMENTS_KEPT, 4 * complete.parts)) return true;
  return segments > 0 && Date.parse(complete.at) <= now - SNAPSHOT_EVERY_MS;
}

function withSnapshot(
  state: JournalState,
  position: Position,
  run: string,
  sealedWith: string,
): JournalState {
  const snapshot = { ...position, run, parts: [], after: null, end: null, sealedWith };
  return { ...state, segments: 0, sealedWith: [], snapshot };
}

async function writePart(
  { repository, files, newToken }: JournalDependencies,
  state: JournalState,
): Promise<JournalState> {
  const { snapshot } = state;
  if (snapshot === null) return state;
  const { last, end, lines } = await repository.part(snapshot.after, FILES_IN_PART, VERSIONS_AT_ONCE);
  if (last === undefined) return { ...state, snapshot: { ...snapshot, end } };
  const key = partKey(state.epoch, snapshot, snapshot.run, newToken());
  await files.write(key, lines.join('\n'));
  return { ...state, snapshot: { ...snapshot, after: last, parts: [...snapshot.parts, key] } };
}

/** All that could have changed while its parts were read is in segments. */
function isPassed(end: string | null | undefined, horizon: string): boolean {
  return typeof end === 'string' && BigInt(horizon) >= BigInt(end);
}

async function endSnapshot(
  { repository, files, now }: JournalDependencies,
  token: string,
  state: JournalState,
): Promise<void> {
  const { snapshot, epoch } = state;
  if (snapshot === null) return;
  const marker = snapshotKey(epoch, snapshot, snapshot.run);
  await files.write(marker, JSON.stringify({ parts: snapshot.parts }));
  const { sealedWith, parts } = snapshot;
  const complete = { at: new Date(now()).toISOString(), parts: parts.length, sealedWith };
  if (!(await repository.save(token, { ...state, snapshot: null, complete }))) return;
  const kept = new Set([marker, ...parts]);
  const place = placeOf(epoch, snapshot);
  const names = await files.list();
  const replaced = names.filter(
    ({ key, place: of, kind }) => !kept.has(key) && (kind !== 'segment' || of <= place),
  );
  await files.delete(replaced.map(({ key }) => key));
}
