import { setTimeout as sleep } from 'node:timers/promises';
import { bodyOf, type Client, refusal } from './client.ts';
import { sha256 } from './files.ts';
import type { Timed } from './linearizable.ts';
import { sendRaw } from './raw-http.ts';
import { pick } from './seeded.ts';
import { fileSchema } from './wire.ts';

/** Two names in a folder, and the files that have been there: what a history is about. */
export const NAMES = ['p', 'q'] as const;
export type Name = (typeof NAMES)[number];

interface Seen {
  readonly id: string;
  readonly number: number;
  readonly sha256: string;
}

/** A call and what was answered; `refused` is a code. */
export type PathCall = Timed &
  (
    | { kind: 'read'; name: Name; seen: Seen | null }
    | { kind: 'write'; name: Name; sha256: string; seen?: Seen }
    | { kind: 'change'; id: string; ifMatch: string | null; sha256: string; seen?: Seen; refused?: string }
    | { kind: 'trash'; id: string; refused?: string }
    | { kind: 'move'; id: string; to: Name; replace: boolean; refused?: string }
  );

/** Files by id; `name` is null in the trash. */
export type PathState = Readonly<Record<string, { name: Name | null; number: number; sha256: string }>>;

/** One call of the model: undefined when it would have answered otherwise. */
export function stepPaths(state: PathState, call: PathCall): PathState | undefined {
  const at = (name: Name) => Object.entries(state).find(([, file]) => file.name === name);
  if (call.kind === 'read') {
    const [id, file] = at(call.name) ?? [];
    if (call.seen === null || file === undefined) return call.seen === null && !file ? state : undefined;
    const isSame =
      id === call.seen.id && file.number === call.seen.number && file.sha256 === call.seen.sha256;
    return isSame ? state : undefined;
  }
  if (call.kind === 'write') return stepWrite(state, at(call.name), call);
  const file = state[call.id];
  if (file === undefined || file.name === null)
    return call.refused === 'file_not_found' || call.isUnknown ? state : undefined;
  if (call.kind === 'trash')
    return call.refused ? undefined : { ...state, [call.id]: { ...file, name: null } };
  if (call.kind === 'change') {
    const isStale = call.ifMatch !== null && call.ifMatch !== file.sha256;
    if (call.refused || isStale) return call.refused === 'precondition_failed' && isStale ? state : undefined;
    const number = file.number + 1;
    if (call.seen && call.seen.number !== number) return undefined;
    return { ...state, [call.id]: { ...file, number, sha256: call.sha256 } };
  }
  const [otherId, other] = at(call.to) ?? [];
  const isTaken = other !== undefined && otherId !== call.id;
  if (call.refused || (isTaken && !call.replace))
    return call.refused === 'name_conflict' && isTaken && !call.replace ? state : undefined;
  const moved = { ...state, [call.id]: { ...file, name: call.to } };
  return isTaken && otherId ? { ...moved, [otherId]: { ...other, name: null } } : moved;
}

function stepWrite(
  state: PathState,
  current: [string, PathState[string]] | undefined,
  call: PathCall & { kind: 'write' },
): PathState | undefined {
  const [id, number] = current
    ? [current[0], current[1].number + 1]
    : [call.seen?.id ?? `unknown ${call.sha256}`, 1];
  if (call.seen && (call.seen.id !== id || call.seen.number !== number)) return undefined;
  if (current === undefined && state[id]) return undefined;
  return { ...state, [id]: { name: call.name, number, sha256: call.sha256 } };
}

export interface HistoryPlan {
  readonly api: Client;
  /** What `api` calls with. */
  readonly token: string;
  readonly folderId: string;
  readonly random: () => number;
  readonly clients: number;
  readonly callsEach: number;
}

const timed = async <T>(work: () => Promise<T>) => {
  const startedAt = performance.now();
  const result = await work();
  return { result, startedAt, endedAt: performance.now() };
};

/** Clients that know of each other's files and do as they like with them, all at once. */
export async function recordHistory(plan: HistoryPlan): Promise<PathCall[]> {
  const calls: PathCall[] = [];
  const known = new Map<string, string>();
  let contents = 0;
  const folder = plan.folderId;
  const paths = bodyOf(await plan.api.call('GET', `/v1/files/${folder}`), 200, fileSchema).path;
  const client = async () => {
    for (let left = plan.callsEach; left > 0; left -= 1) {
      await sleep(plan.random() * 10);
      contents += 1;
      const call = await oneCall(plan, paths, known, `content ${folder} ${contents}`);
      calls.push(call);
      if ('seen' in call && call.seen) known.set(call.seen.id, call.seen.sha256);
    }
  };
  await Promise.all(Array.from({ length: plan.clients }, client));
  return calls;
}

async function oneCall(
  plan: HistoryPlan,
  folderPath: string,
  known: ReadonlyMap<string, string>,
  content: string,
): Promise<PathCall> {
  const { api, folderId, random } = plan;
  const kind = pick(random, ['read', 'read', 'write', 'write', 'change', 'trash', 'move', 'move'] as const);
  const name = pick(random, NAMES);
  const [id, lastSeen] = known.size === 0 ? [] : pick(random, [...known]);
  if (kind === 'read' || (id === undefined && random() < 0.3)) {
    const path = encodeURIComponent(`${folderPath}/${name}`);
    const { result, ...times } = await timed(() => api.call('GET', `/v1/files/by-path?path=${path}`));
    const seen = refusal(result) === '404 file_not_found' ? null : seenIn(result, 200);
    return { kind: 'read', name, seen, ...times };
  }
  if (kind === 'write' || id === undefined || lastSeen === undefined) {
    const query = new URLSearchParams({ name, parentId: folderId, conflict: 'replace' });
    const { result, ...times } = await timed(() => send(plan, 'POST', `/v1/files?${query}`, content));
    const call = { kind: 'write', name, sha256: sha256(content), ...times } as const;
    return isUnknown(result) ? { ...call, isUnknown: true } : { ...call, seen: seenIn(result, 201) };
  }
  if (kind === 'trash') {
    const { result, ...times } = await timed(() => api.call('DELETE', `/v1/files/${id}`));
    return { kind, id, ...times, ...outcome(result) };
  }
  if (kind === 'move') {
    const replace = random() < 0.5;
    const json = { name, conflict: replace ? 'replace' : 'fail' };
    const { result, ...times } = await timed(() => api.call('PATCH', `/v1/files/${id}`, { json }));
    return { kind, id, to: name, replace, ...times, ...outcome(result) };
  }
  const ifMatch = random() < 0.7 ? lastSeen : null;
  const headers: Record<string, string> = ifMatch === null ? {} : { 'if-match': `"${ifMatch}"` };
  const { result, ...times } = await timed(() =>
    send(plan, 'PUT', `/v1/files/${id}/content`, content, headers),
  );
  const call = {
    kind: 'change',
    id,
    ifMatch,
    sha256: sha256(content),
    ...times,
    ...outcome(result),
  } as const;
  return result.status === 200 ? { ...call, seen: seenIn(result, 200) } : call;
}

/** Over a connection of its own: the server closes one whose request it refused before it had read the body. */
function send({ api, token }: HistoryPlan, method: string, path: string, content: string, headers = {}) {
  const body = new TextEncoder().encode(content);
  const own = { authorization: `Bearer ${token}`, 'content-length': String(body.byteLength) };
  return sendRaw(api.url, { method, path, body, headers: { ...own, ...headers } });
}

type Answer = Awaited<ReturnType<Client['call']>>;

const isUnknown = (answer: Answer) => answer.status === 503;

function outcome(answer: Answer): { refused?: string; isUnknown?: boolean } {
  if (answer.status < 300) return {};
  if (isUnknown(answer)) return { isUnknown: true };
  return { refused: refusal(answer).split(' ')[1] ?? '' };
}

function seenIn(answer: Answer, status: number): Seen {
  const { id, version, sha256: digest } = bodyOf(answer, status, fileSchema);
  if (version === null || digest === null) throw new Error(`${id} has no content`);
  return { id, number: version.number, sha256: digest };
}
