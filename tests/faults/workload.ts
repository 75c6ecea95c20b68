import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Account, newAccount } from '../e2e/harness/accounts.ts';
import { bodyOf, type Client, createClient, textOf } from '../e2e/harness/client.ts';
import { analysed, post, sha256, upload } from '../e2e/harness/files.ts';
import type { Answer } from '../e2e/harness/guarantees.ts';
import { type File, fileSchema } from '../e2e/harness/wire.ts';

const linkSchema = z.looseObject({ id: z.string(), token: z.string() });

/** What somebody has before anything goes wrong, and what they were told since. */
export interface World {
  readonly api: Client;
  readonly owner: Account;
  readonly stranger: Account;
  readonly word: string;
  readonly kept: File;
  readonly keptBytes: string;
  readonly versioned: File;
  readonly doomed: File;
  readonly revokedToken: string;
  readonly link: z.output<typeof linkSchema>;
  /** SHA-256 by name of everything that was sent, and by id of what was acknowledged. */
  readonly sent: Map<string, string>;
  readonly acknowledged: Map<string, string>;
  readonly versions: string[];
  /** What was promised to be over. */
  readonly over: { trashed: boolean; linkRevoked: boolean };
  /** Whatever must never happen. */
  readonly violations: string[];
  /** How many calls were answered how. */
  readonly answers: Map<string, number>;
}

/** Of one step: `200`, `503 dependency_unavailable`, `broken`. */
export type Step = (world: World) => Promise<void>;

export async function prepareWorld(url: string, hasModel: boolean): Promise<World> {
  const api = createClient(url);
  const [owner, stranger] = await Promise.all([newAccount(api), newAccount(api)]);
  const word = `zebra${randomBytes(4).toString('hex')}`;
  const keptBytes = `The ${word} was kept before anything went wrong.`;
  const kept = await upload(owner.api, 'kept.txt', keptBytes);
  const versioned = await upload(owner.api, 'versioned.txt', 'first');
  const doomed = await upload(owner.api, 'doomed.txt', 'to be thrown away');
  const makeLink = async () =>
    bodyOf(
      await owner.api.call('POST', `/v1/files/${kept.id}/links`, { json: { mode: 'download' } }),
      201,
      linkSchema,
    );
  const [link, revoked] = [await makeLink(), await makeLink()];
  const over = await owner.api.call('DELETE', `/v1/links/${revoked.id}`);
  if (over.status !== 204) throw new Error(`revoking answered ${over.status}`);
  if (hasModel) await analysed(owner.api, kept.id);
  return {
    ...{ api, owner, stranger, word, kept, keptBytes, versioned, doomed, link, revokedToken: revoked.token },
    sent: new Map([
      ['kept.txt', sha256(keptBytes)],
      ['doomed.txt', sha256('to be thrown away')],
    ]),
    acknowledged: new Map([[kept.id, sha256(keptBytes)]]),
    versions: [versioned.version?.id ?? ''],
    over: { trashed: false, linkRevoked: false },
    violations: [],
    answers: new Map(),
  };
}

/**
 * Makes a call. Whatever the fault, an answer is one of these statuses or 503; a connection that breaks in the middle of
 * a body is an answer, too: nobody takes that for the whole.
 */
async function attempt(
  world: World,
  step: string,
  call: () => Promise<Answer>,
  expected: readonly number[],
): Promise<Answer | undefined> {
  const startedAt = Date.now();
  let outcome = 'broken';
  try {
    const answer = await call();
    outcome = String(answer.status);
    if (answer.status !== 503 && !expected.includes(answer.status))
      world.violations.push(`${step} was answered ${answer.status} ${textOf(answer).slice(0, 300)}`);
    return answer;
  } catch (error) {
    if (!(error instanceof TypeError)) world.violations.push(`${step}: ${String(error).slice(0, 500)}`);
    return undefined;
  } finally {
    world.answers.set(outcome, (world.answers.get(outcome) ?? 0) + 1);
    const seconds = (Date.now() - startedAt) / 1000;
    if (seconds > 50) world.violations.push(`${step} took ${seconds.toFixed(0)} s`);
  }
}

async function sendFile(world: World): Promise<void> {
  const name = `sent-${randomBytes(6).toString('hex')}.txt`;
  const content = `${name} of ${world.word}`;
  world.sent.set(name, sha256(content));
  const answer = await attempt(world, 'upload', () => post(world.owner.api, name, content), [201, 409]);
  if (answer?.status === 201) world.acknowledged.set(bodyOf(answer, 201, fileSchema).id, sha256(content));
}

async function overwrite(world: World): Promise<void> {
  const { owner, versioned } = world;
  for (let round = 0; round < 2; round += 1) {
    const body = `version ${randomBytes(4).toString('hex')}`;
    const path = `/v1/files/${versioned.id}/content`;
    const answer = await attempt(world, 'overwrite', () => owner.api.call('PUT', path, { body }), [200]);
    if (answer?.status === 200) world.versions.push(bodyOf(answer, 200, fileSchema).version?.id ?? '');
  }
}

async function read(world: World): Promise<void> {
  const { owner, kept, keptBytes } = world;
  const answer = await attempt(
    world,
    'download',
    // The local runtime compresses text, and ends that in good order when the store does not.
    () =>
      owner.api.call('GET', `/v1/files/${kept.id}/content`, { headers: { 'accept-encoding': 'identity' } }),
    [200],
  );
  if (answer?.status === 200 && textOf(answer) !== keptBytes)
    world.violations.push(
      `a download was ${answer.bytes.length} other bytes: ${JSON.stringify([...answer.headers])}`,
    );
}

async function share(world: World): Promise<void> {
  const { owner, kept, link } = world;
  const at = `/v1/files/${kept.id}/links`;
  await attempt(world, 'share', () => owner.api.call('POST', at, { json: { mode: 'view' } }), [201]);
  const answer = await attempt(
    world,
    'revoke',
    () => owner.api.call('DELETE', `/v1/links/${link.id}`),
    // Not found: an earlier answer was lost.
    [204, 404],
  );
  if (answer?.status === 204) world.over.linkRevoked = true;
}

async function discard(world: World): Promise<void> {
  const { owner, doomed } = world;
  const answer = await attempt(
    world,
    'delete',
    () => owner.api.call('DELETE', `/v1/files/${doomed.id}`),
    [204, 404],
  );
  if (answer?.status === 204) world.over.trashed = true;
}

async function trespass(world: World): Promise<void> {
  const { stranger, api, kept, revokedToken } = world;
  const calls: readonly (() => Promise<Answer>)[] = [
    () => stranger.api.call('GET', `/v1/files/${kept.id}`),
    () => stranger.api.call('GET', `/v1/files/${kept.id}/content`),
    () => api.call('GET', `/v1/files/${kept.id}/content`),
    () => api.call('GET', `/v1/shared-links/${revokedToken}`),
  ];
  for (const call of calls) await attempt(world, 'a stranger', call, [401, 403, 404, 410]);
  const found = await attempt(
    world,
    'the search of a stranger',
    () => stranger.api.call('GET', `/v1/search?q=${world.word}`),
    [200],
  );
  if (found && textOf(found).includes(kept.id)) world.violations.push('a search showed a file to a stranger');
}

const login: Step = async (world) => {
  const { email, password } = world.owner;
  await attempt(
    world,
    'sign-in',
    () => world.api.call('POST', '/v1/auth/login', { json: { email, password } }),
    [200],
  );
};
const find: Step = async (world) => {
  await attempt(world, 'search', () => world.owner.api.call('GET', `/v1/search?q=${world.word}`), [200]);
};

export const STEPS: readonly Step[] = [login, sendFile, overwrite, read, find, share, discard, trespass];

/** What has to work again by itself: each answers whether it does. */
export const isWell = async ({ api, owner, kept, word }: World): Promise<boolean> => {
  const { email, password } = owner;
  const answers = await Promise.all(
    [
      () => api.call('POST', '/v1/auth/login', { json: { email, password } }),
      () => owner.api.call('GET', `/v1/files/${kept.id}/content`),
      () => owner.api.call('GET', `/v1/search?q=${word}`),
      () => owner.api.call('PATCH', `/v1/files/${kept.id}`, { json: { tags: ['well'] } }),
    ].map((call) => call().catch(() => undefined)),
  );
  return answers.every((answer) => answer?.status === 200);
};
