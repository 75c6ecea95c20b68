import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CHAIN_START,
  CHECKPOINT_TYPE,
  type ChainedEvent,
  type ChainHead,
  chainHash,
  checkpointLine,
  eventLine,
} from '../core/security/audit-chain.ts';

const ROOT = join(import.meta.dirname, '../..');
const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
const stranger = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'EdDSA', use: 'sig' };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-verify-audit-'));
  await writeFile(join(folder, 'key.json'), JSON.stringify({ keys: [jwk] }));
  await writeFile(join(folder, 'one-key.json'), JSON.stringify(jwk));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const event = (sequence: number, changes: Partial<ChainedEvent> = {}): ChainedEvent => ({
  sequence,
  id: 100 + sequence,
  occurredAt: '2026-01-02T03:04:05.006Z',
  actorKind: 'person',
  actorId: 'usr_1',
  credentialId: 'ses_1',
  action: 'file.share',
  objectKind: 'file',
  objectId: `file_${sequence}`,
  workspaceId: null,
  result: 'success',
  reason: null,
  address: '203.0.113.7',
  requestId: 'request',
  details: { note: 'line \u2028 separator 🎉', '10': 1, '9': null },
  ...changes,
});

async function checkpoint(
  { sequence, hash }: ChainHead,
  { key = privateKey, kid = 'k1', typ = CHECKPOINT_TYPE } = {},
): Promise<string> {
  const createdAt = new Date('2026-01-02T03:05:00.000Z');
  const signature = await new SignJWT({ sequence, hash, createdAt: createdAt.toISOString() })
    .setProtectedHeader({ alg: 'EdDSA', typ, kid })
    .sign(key);
  return checkpointLine({ sequence, hash, createdAt, signature });
}

/** Lines of entries, each with the head that it makes. */
function chain(events: readonly ChainedEvent[], from: ChainHead = CHAIN_START) {
  let head = from;
  return events.map((entry) => {
    head = { sequence: entry.sequence, hash: chainHash(head.hash, entry) };
    return { line: eventLine(entry, head.hash), head };
  });
}

const events = [1, 2, 3, 4, 5, 6].map((sequence) => event(sequence));
const whole = chain(events);
const headAt = (sequence: number): ChainHead => whole[sequence - 1]?.head ?? CHAIN_START;
const lineOf = (sequence: number): string => whole[sequence - 1]?.line ?? '';
/** Entries 1 to 6, signed at 3 and 6. */
async function file(lines: (line: (sequence: number) => string) => string[] = all): Promise<string[]> {
  const [three, six] = [await checkpoint(headAt(3)), await checkpoint(headAt(6))];
  return lines(lineOf).map((line) => (line === 'THREE' ? three : line === 'SIX' ? six : line));
}
const all = (line: (sequence: number) => string) => [
  JSON.stringify({ type: 'key', key: jwk }),
  line(1),
  line(2),
  line(3),
  'THREE',
  line(4),
  line(5),
  line(6),
  'SIX',
];

let files = 0;
async function run(
  lines: readonly string[] | string,
  ...args: string[]
): Promise<{ code: number; output: string }> {
  const path = join(folder, `export-${++files}.jsonl`);
  await writeFile(path, typeof lines === 'string' ? lines : lines.map((line) => `${line}\n`).join(''));
  return verify(path, '--key', join(folder, 'key.json'), ...args);
}

function verify(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', 'src/local/verify-audit.ts', ...args],
      { cwd: ROOT },
      (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
}

const bad = (sequence: number, message: RegExp) => ({
  code: 1,
  output: expect.stringMatching(new RegExp(`^BAD: sequence ${sequence}: .*${message.source}`)),
});

describe('an export as it was written', () => {
  test('is good, with the keys as a set or alone', async () => {
    const good = { code: 0, output: expect.stringContaining(`good: entries 1 to 6, 2 checkpoints`) };
    expect(await run(await file())).toMatchObject(good);
    const path = join(folder, 'alone.jsonl');
    await writeFile(path, (await file()).join('\n'));
    expect(await verify(path, '--key', join(folder, 'one-key.json'))).toMatchObject(good);
  });

  test('is good from a checkpoint on, where older entries were deleted', async () => {
    const rest = await file((line) => ['THREE', line(4), line(5), line(6), 'SIX']);
    expect(await run(rest)).toMatchObject({
      code: 0,
      output: expect.stringContaining('entries 4 to 6'),
    });
  });

  test('goes through a checkpoint that was kept', async () => {
    for (const sequence of [3, 6])
      expect(await run(await file(), '--expect-head', `${sequence}:${headAt(sequence).hash}`)).toMatchObject({
        code: 0,
      });
  });
});

describe('an export with', () => {
  const edited = lineOf(2).replace('file_2', 'file_7');

  test.each<[string, (line: (sequence: number) => string) => string[], number, RegExp]>([
    ['an edited entry', (l) => [l(1), edited, l(3), 'THREE'], 2, /does not fit/],
    [
      'an edited hash',
      (l) => [l(1), l(2).replace(headAt(2).hash, headAt(1).hash), l(3), 'THREE'],
      2,
      /does not fit/,
    ],
    ['a deleted entry', (l) => [l(1), l(3), 'THREE'], 2, /missing/],
    ['its first entry deleted', (l) => [l(2), l(3), 'THREE'], 1, /missing/],
    ['entries in another order', (l) => [l(1), l(3), l(2), 'THREE'], 2, /missing/],
    ['an entry twice', (l) => [l(1), l(2), l(2), l(3), 'THREE'], 2, /twice/],
    [
      'its end cut off before the checkpoint',
      (l) => [l(1), l(2), l(3), 'THREE', l(4), l(5), 'SIX'],
      6,
      /missing/,
    ],
    [
      'its last checkpoint cut off',
      (l) => [l(1), l(2), l(3), 'THREE', l(4), l(5)],
      4,
      /no checkpoint vouches/,
    ],
    ['no checkpoint at all', (l) => [l(1), l(2)], 1, /no checkpoint vouches/],
    [
      'a checkpoint in the wrong place',
      (l) => [l(1), l(2), l(3), l(4), 'THREE', l(5), l(6), 'SIX'],
      3,
      /wrong place/,
    ],
    ['a line cut off', (l) => [l(1), l(2).slice(0, 80)], 2, /not JSON/],
    ['a field more', (l) => [l(1), l(2).replace('"actorKind"', '"more":1,"actorKind"')], 2, /no entry/],
    ['a field twice', (l) => [l(1), l(2).replace('"action"', '"action":"x","action"')], 2, /not written/],
    ['spaces where none were', (l) => [l(1), l(2).replace('"event":', '"event": ')], 2, /not written/],
  ])('%s is bad', async (_, lines, sequence, message) => {
    expect(await run(await file(lines))).toMatchObject(bad(sequence, message));
  });

  test('an inserted entry, hashes made to fit, is bad at the next checkpoint', async () => {
    const forged = chain([event(1), event(2), event(3, { actorId: 'usr_thief' }), event(4, { id: 103 })]);
    const lines = [...forged.map(({ line }) => line), await checkpoint(headAt(4))];
    expect(await run(lines)).toMatchObject(bad(4, /another hash/));
    const early = await file(() => [...forged.slice(0, 3).map(({ line }) => line), 'THREE']);
    expect(await run(early)).toMatchObject(bad(3, /another hash/));
  });

  test('a fork, both ends signed, is bad', async () => {
    const fork = chain([event(4, { actorId: 'usr_2' })], headAt(3))[0];
    const lines = [
      ...(await file((line) => [line(1), line(2), line(3), 'THREE', line(4)])),
      await checkpoint(headAt(4)),
      await checkpoint(fork?.head ?? CHAIN_START),
    ];
    expect(await run(lines)).toMatchObject(bad(4, /another hash/));
  });

  test.each([
    ['of a stranger', { key: stranger.privateKey }, /signature of a checkpoint is wrong/],
    ['with a key that is not trusted', { key: stranger.privateKey, kid: 'k2' }, /not trusted/],
    ['of another type', { typ: 'at+jwt' }, /not one of a checkpoint/],
  ])('a signature %s is bad', async (_, options, message) => {
    const lines = await file((line) => [line(1), line(2), line(3)]);
    expect(await run([...lines, await checkpoint(headAt(3), options)])).toMatchObject(bad(3, message));
  });

  test('a signature for another place or hash is bad', async () => {
    const moved = (await checkpoint(headAt(2))).replace('"sequence":2', '"sequence":3');
    const lines = await file((line) => [line(1), line(2), line(3)]);
    expect(await run([...lines, moved.replace(headAt(2).hash, headAt(3).hash)])).toMatchObject(
      bad(3, /not what was signed/),
    );
  });

  test('its whole end cut off at a checkpoint is bad for whoever kept a later one', async () => {
    const cut = await file((line) => [line(1), line(2), line(3), 'THREE']);
    expect(await run(cut)).toMatchObject({ code: 0 });
    expect(await run(cut, '--expect-head', `6:${headAt(6).hash}`)).toMatchObject(bad(4, /missing/));
    expect(await run(await file(), '--expect-head', `5:${headAt(4).hash}`)).toMatchObject(
      bad(5, /another hash/),
    );
  });

  test('a key of the forger in the file is not trusted for it', async () => {
    const forgersKey = { ...(await exportJWK(stranger.publicKey)), kid: 'k2' };
    const forged = chain([event(1, { actorId: 'usr_thief' })]);
    const lines = [
      JSON.stringify({ type: 'key', key: forgersKey }),
      forged[0]?.line ?? '',
      await checkpoint(forged[0]?.head ?? CHAIN_START, { key: stranger.privateKey, kid: 'k2' }),
    ];
    expect(await run(lines)).toMatchObject(bad(1, /not trusted/));
  });
});

test('without a file or a key it says how to use it', async () => {
  for (const args of [[], ['x.jsonl'], ['a', 'b', '--key', 'c'], ['--nonsense']])
    expect(await verify(...args)).toMatchObject({ code: 2, output: expect.stringContaining('usage:') });
  expect(await verify(join(folder, 'missing.jsonl'), '--key', join(folder, 'key.json'))).toMatchObject({
    code: 2,
  });
});
