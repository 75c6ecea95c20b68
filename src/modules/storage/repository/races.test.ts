import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { brokenInvariants } from '../testing/test-invariants.ts';
import { type Answer, startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

// What several callers do to the same rows at once. The embedded database runs one transaction at a time; only a real
// one (TEST_DATABASE_URL) lets them meet in the middle.

let system: TestSystem;
let small: TestSystem;

const BODY = 'x'.repeat(1_000);
const ROUNDS = 8;

beforeAll(async () => {
  system = await startTestSystem();
  small = system.withEnv({ DRIVE_QUOTA_BYTES: '10000' });
}, 120_000);
afterAll(() => system.close());
afterEach(async () => {
  await system.settled();
  expect(await brokenInvariants(system)).toEqual([]);
});

const times = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));
const inRounds = async (work: (round: number) => Promise<void>) => {
  for (let round = 0; round < ROUNDS; round += 1) await work(round);
};
/** How many answers there are of each status, or of each code. */
function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const outcome = String(status < 400 ? status : (body?.code ?? status));
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}
/** Every answer is one of these. */
const only = (answers: readonly Answer[], ...outcomes: string[]) =>
  expect(Object.keys(tally(answers)).filter((outcome) => !outcomes.includes(outcome))).toEqual([]);

const move = (user: TestUser, id: string, parentId: string | null, driveId?: string) =>
  user.call('PATCH', `/v1/files/${id}`, { json: { parentId, ...(driveId ? { driveId } : {}) } });
const trash = (user: TestUser, id: string) => user.call('DELETE', `/v1/files/${id}`);
const share = (user: TestUser, id: string, other: TestUser, role = 'editor') =>
  user.call('POST', `/v1/files/${id}/grants`, { json: { principal: { kind: 'user', id: other.id }, role } });
const content = async (user: TestUser, id: string) => {
  const { status, bytes } = await user.call('GET', `/v1/files/${id}/content`);
  return status === 200 ? new TextDecoder().decode(bytes) : String(status);
};

describe('a hundred uploads at once', () => {
  test('into a drive with room for ten keep ten, and hold nothing after that', async () => {
    const user = await small.newUser();
    const answers = await times(100, (index) => user.upload(`${index}.bin`, BODY));
    expect(tally(answers)).toEqual({ 201: 10, quota_exceeded: 90 });
  });

  test('to one name keep one, all, or one after the other, as the policy says', async () => {
    const user = await system.newUser();
    const failing = await times(20, () => user.upload('a.txt', BODY));
    expect(tally(failing)).toEqual({ 201: 1, name_conflict: 19 });
    const renaming = await times(20, () => user.upload('b.txt', BODY, { conflict: 'rename' }));
    expect(tally(renaming)).toEqual({ 201: 20 });
    expect(new Set(renaming.map(({ body }) => body.name)).size).toBe(20);
    const replacing = await times(20, () => user.upload('c.txt', BODY, { conflict: 'replace' }));
    only(replacing, '200', '201');
    const numbers = replacing.map(({ body }) => body.version.number).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test('of one version: one wins, the others are told', async () => {
    const user = await system.newUser();
    const made = await user.upload('a.txt', BODY);
    const answers = await times(20, (index) =>
      user.call('PUT', `/v1/files/${made.body.id}/content`, {
        body: `version ${index}`,
        headers: { 'if-match': made.body.etag },
      }),
    );
    expect(tally(answers)).toEqual({ 200: 1, precondition_failed: 19 });
  });

  test('with one idempotency key make one file', async () => {
    const user = await system.newUser();
    const answers = await times(50, () =>
      user.call('POST', '/v1/files?name=a.txt', { body: BODY, headers: { 'idempotency-key': 'once' } }),
    );
    only(answers, '201', 'idempotency_in_progress');
    expect((await user.call('GET', '/v1/files')).body.items).toHaveLength(1);
  });
});

describe('folders that move', () => {
  test('into each other: one of them does', async () => {
    const user = await system.newUser();
    await inRounds(async (round) => {
      const [a, b, c] = [`a${round}`, `b${round}`, `c${round}`].map((name) => user.folder(name));
      const ids = [await a, await b, await c].map(String);
      const answers = await times(3, (index) => move(user, ids[index] ?? '', ids[(index + 1) % 3] ?? ''));
      expect(tally(answers)).toEqual({ 200: 2, folder_cycle: 1 });
    });
  });

  test('between two drives, in both directions, while files come into them', async () => {
    const user = await system.newUser();
    const team = await system.newWorkspace([[user, 'owner']]);
    await user.file('first.txt');
    await inRounds(async (round) => {
      const mine = await user.folder(`mine ${round}`);
      const theirs = await user.call('POST', '/v1/folders', {
        json: { name: `ours ${round}`, driveId: team },
      });
      const moves = [move(user, mine, null, team), move(user, theirs.body.id, null, user.id)];
      const uploads = times(6, (index) =>
        user.upload(`${index}.txt`, BODY, { parentId: index % 2 ? mine : theirs.body.id }),
      );
      only(await Promise.all(moves), '200', 'changed_meanwhile');
      only(await uploads, '201', 'changed_meanwhile');
    });
  });

  test('and go to the trash, and get a file: nothing lives in the trash', async () => {
    const user = await system.newUser();
    await inRounds(async (round) => {
      const outer = await user.folder(`outer ${round}`);
      const inner = await user.folder(`inner ${round}`);
      const answers = await Promise.all([
        move(user, inner, outer),
        trash(user, outer),
        ...Array.from({ length: 4 }, (_, index) => user.upload(`${index}.txt`, BODY, { parentId: outer })),
        user.call('POST', '/v1/folders', { json: { name: 'below', parentId: outer } }),
      ]);
      only(answers, '200', '201', '204', 'folder_not_found', 'file_not_found');
    });
  });
});

describe('what is shared for the first time', () => {
  test('while somebody creates and moves below it is shared whole', async () => {
    const [owner, other] = [await system.newUser(), await system.newUser()];
    await inRounds(async (round) => {
      const folder = await owner.folder(`shared ${round}`);
      const below = await owner.folder('below', folder);
      const outside = await owner.file(`outside ${round}.txt`);
      const [granted, ...made] = await Promise.all([
        share(owner, folder, other),
        ...Array.from({ length: 6 }, (_, index) =>
          owner.upload(`${index}.txt`, BODY, { parentId: index % 2 ? folder : below }),
        ),
        move(owner, outside, below),
        share(owner, below, other, 'viewer'),
      ]);
      expect(granted?.status).toBe(201);
      only(made, '200', '201');
      for (const { body } of made.slice(0, 7))
        expect((await other.call('GET', `/v1/files/${body.id}`)).status).toBe(200);
    });
  });

  test('and unshared at once is as if it never was', async () => {
    const [owner, other] = [await system.newUser(), await system.newUser()];
    await inRounds(async (round) => {
      const folder = await owner.folder(`shared ${round}`);
      const { body: grant } = await share(owner, folder, other);
      const [, ...made] = await Promise.all([
        owner.call('DELETE', `/v1/files/${folder}/grants/${grant.id}`),
        ...Array.from({ length: 4 }, (_, index) => owner.upload(`${index}.txt`, BODY, { parentId: folder })),
      ]);
      only(made, '201');
      for (const { body } of made)
        expect((await other.call('GET', `/v1/files/${body.id}`)).body.code).toBe('file_not_found');
    });
  });
});

describe('a link', () => {
  test('with five downloads left gives five to fifty', async () => {
    const user = await system.newUser();
    const id = await user.file('a.txt', BODY);
    const { body: link } = await user.call('POST', `/v1/files/${id}/links`, {
      json: { mode: 'download', maxDownloads: 5 },
    });
    const answers = await times(50, () =>
      system.call('GET', `/v1/shared-links/${link.token}/files/${id}/content`),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    only(answers, '200', 'link_used_up');
  });
});

describe('the bytes of a file', () => {
  test('that is purged while it is copied are there for the copy, or there is none', async () => {
    const user = await system.newUser();
    await inRounds(async (round) => {
      const id = await user.file(`a${round}.txt`, `content ${round}`);
      const copies = times(3, () =>
        user.call('POST', `/v1/files/${id}/copy`, { json: { conflict: 'rename' } }),
      );
      const purged = trash(user, id).then(() => user.call('DELETE', `/v1/trash/${id}`));
      only([await purged], '204');
      only(await copies, '201', 'file_not_found');
      await system.runCron();
      for (const { status, body } of await copies)
        if (status === 201) expect(await content(user, body.id)).toBe(`content ${round}`);
    });
  });

  test('that is restored and purged at once are there, or the file is gone', async () => {
    const user = await system.newUser();
    await inRounds(async (round) => {
      const id = await user.file(`a${round}.txt`, `content ${round}`);
      await trash(user, id);
      const answers = await Promise.all([
        user.call('POST', `/v1/trash/${id}/restore`, { json: {} }),
        user.call('DELETE', `/v1/trash/${id}`),
        user.call('DELETE', '/v1/trash'),
      ]);
      only(answers, '200', '202', '204', 'file_not_found');
      await system.runCron();
      expect(await content(user, id)).toBe(answers[0]?.status === 200 ? `content ${round}` : '404');
    });
  });

  test('that two drives share outlast the one while it goes and the other writes', async () => {
    const user = await system.newUser();
    const team = await system.newWorkspace([[user, 'owner']]);
    await inRounds(async (round) => {
      const id = await user.file(`a${round}.txt`, `content ${round}`);
      const copy = await user.call('POST', `/v1/files/${id}/copy`, { json: { driveId: team } });
      const answers = await Promise.all([
        trash(user, id).then(() => user.call('DELETE', `/v1/trash/${id}`)),
        user.call('PUT', `/v1/files/${copy.body.id}/content`, { body: 'another' }),
        user.call('POST', `/v1/files/${copy.body.id}/copy`, {
          json: { driveId: user.id, conflict: 'rename' },
        }),
      ]);
      only(answers, '200', '201', '204');
      await system.runCron();
      expect(await content(user, copy.body.id)).toBe('another');
      expect(['another', `content ${round}`]).toContain(await content(user, answers[2]?.body.id));
    });
  });
});

describe('a drive', () => {
  test('comes to be once with what is first put there', async () => {
    await inRounds(async () => {
      const user = await system.newUser();
      const answers = await times(10, (index) =>
        index % 2
          ? user.upload(`${index}.txt`, BODY)
          : user.call('POST', '/v1/folders', { json: { name: `${index}` } }),
      );
      expect(tally(answers)).toEqual({ 201: 10 });
    });
  });

  test('is written in, marked, commented, shared, listed and emptied by many without anybody failing', async () => {
    const [owner, other] = [await system.newUser(), await system.newUser()];
    const folder = await owner.folder('all');
    await share(owner, folder, other);
    await inRounds(async (round) => {
      const id = await owner.file(`${round}.txt`, BODY, folder);
      const answers = await Promise.all([
        owner.call('PUT', `/v1/files/${id}/content`, { body: 'new' }),
        other.call('PUT', `/v1/files/${id}/content`, { body: 'newer' }),
        other.call('PUT', `/v1/files/${id}/favourite`),
        owner.call('PUT', `/v1/files/${id}/favourite`),
        other.call('POST', `/v1/files/${id}/comments`, { json: { text: 'good' } }),
        owner.call('PATCH', `/v1/files/${id}`, { json: { name: `${round}b.txt`, tags: ['new'] } }),
        owner.call('POST', `/v1/files/${id}/links`, { json: { mode: 'view' } }),
        owner.call('DELETE', '/v1/trash'),
        other.call('GET', `/v1/files?parentId=${folder}`),
      ]);
      only(answers, '200', '201', '202', '204');
    });
  });
});
