import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestUser } from '../../src/modules/storage/testing/test-system.ts';
import { startTestAi, type TestAi } from './test-ai.ts';

let ai: TestAi;

beforeAll(async () => {
  ai = await startTestAi();
});
afterAll(() => ai.close());

const search = async (user: TestUser, q: string, more: Readonly<Record<string, string>> = {}) => {
  const answer = await user.call('GET', `/v1/search?${new URLSearchParams({ q, ...more })}`);
  expect([answer.status, answer.body.code], q).toEqual([200, undefined]);
  return answer.body;
};
const idsOf = (answer: { items: { file: { id: string } }[] }) => answer.items.map(({ file }) => file.id);
const refusal = async (user: TestUser, query: string, path = '/v1/search') => {
  const { status, body } = await user.call('GET', `${path}?${query}`);
  return [status, body.code, body.errors?.map(({ field }: { field: string }) => field)];
};

test('a file is found by what it means as soon as it was worked off', async () => {
  const user = await ai.newUser();
  const id = await user.file('a.txt', 'The vet said that the kitten needs a vaccination in spring.');
  await ai.work();
  const found = await user.call('GET', '/v1/search?q=cat%20health');
  expect(found.body).toMatchObject({ degraded: false, items: [{ file: { id } }] });
});

describe('an answer', () => {
  test('cites the version, its hash and the range, and its highlights stand in both texts', async () => {
    const user = await ai.newUser();
    const text = 'Intro <b>first</b>. The heron flies over the quiet lake.';
    const id = await user.file('birds.txt', text);
    await ai.work();
    const { items, providers } = await search(user, '"heron flies"');
    const [hit] = items;
    expect(hit.file.id).toBe(id);
    expect(hit.citation).toMatchObject({
      versionId: hit.file.version.id,
      number: 1,
      sha256: hit.file.sha256,
      start: 0,
    });
    expect(hit.highlights.length).toBeGreaterThan(0);
    for (const { start, end, textStart, textEnd } of hit.highlights)
      expect(text.slice(textStart, textEnd)).toBe(hit.snippet.slice(start, end));
    expect(hit.snippet).toContain('<b>first</b>');
    expect(providers.embedding).toHaveLength(1);
  });

  test('has a file by its name, the new one at once', async () => {
    const user = await ai.newUser();
    const id = await user.file('Quarterly_budget.bin', '\u0000\u0001\u0002');
    expect(await search(user, 'budget', { mode: 'keyword' })).toMatchObject({
      items: [{ file: { id }, match: 'name' }],
    });
    await user.call('PATCH', `/v1/files/${id}`, { json: { name: 'Forecast.bin' } });
    expect(idsOf(await search(user, 'budget', { mode: 'keyword' }))).toEqual([]);
    expect(idsOf(await search(user, 'forecast', { mode: 'keyword' }))).toEqual([id]);
  });

  test('corrects a slip where nothing matches, and says so', async () => {
    const user = await ai.newUser();
    const id = await user.file('pets.txt', 'The vaccination of kittens is due.');
    await ai.work();
    const answer = await search(user, 'vacination', { mode: 'keyword' });
    expect(answer).toMatchObject({
      corrected: { from: 'vacination', to: 'vaccination' },
      items: [{ file: { id } }],
    });
    const stranger = await ai.newUser();
    await stranger.file('other.txt', 'nothing of the kind');
    await ai.work();
    expect(await search(stranger, 'vacination', { mode: 'keyword' })).not.toHaveProperty('corrected');
  });

  test('tells whether it has the caller’s own write', async () => {
    const user = await ai.newUser();
    const id = await user.file('mine.txt', 'heron');
    const version = (await user.call('GET', `/v1/files/${id}`)).body.version.id;
    const fresh = async () => (await search(user, 'heron', { freshness: version })).freshness;
    expect(await fresh()).toBe('pending');
    await ai.work();
    expect(await fresh()).toBe('current');
    const stranger = await ai.newUser();
    expect((await search(stranger, 'heron', { freshness: version })).freshness).toBe('gone');
    await user.call('DELETE', `/v1/files/${id}`);
    expect(await fresh()).toBe('gone');
  });

  test('has pages without a file twice, whatever is added and deleted meanwhile', async () => {
    const user = await ai.newUser();
    const ids = await Promise.all(
      Array.from({ length: 9 }, (_, at) => user.file(`${at}.txt`, `heron number ${at}`)),
    );
    await ai.work();
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { items: { file: { id: string } }[]; nextCursor: string | null } = await search(
        user,
        'heron',
        {
          limit: '2',
          ...(cursor ? { cursor } : {}),
        },
      );
      seen.push(...idsOf(page));
      cursor = page.nextCursor;
      if (seen.length === 2) {
        await user.call('DELETE', `/v1/files/${ids.find((id) => !seen.includes(id))}`);
        await user.file('new.txt', 'heron heron heron');
        await ai.work();
      }
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(8);
  });

  test('that was to be re-ranked without a model says that it was not', async () => {
    const user = await ai.newUser();
    await user.file('a.txt', 'heron');
    await ai.work();
    expect(await search(user, 'heron', { rerank: 'true' })).toMatchObject({ reranked: false, items: [{}] });
  });

  test('counts facets over what matches', async () => {
    const user = await ai.newUser();
    await user.file('a.txt', 'heron');
    await user.file('b.md', 'heron');
    await ai.work();
    const { facets } = await search(user, 'heron', { facets: 'type,owner', limit: '1' });
    expect(facets).toMatchObject({ matches: 2, complete: true, owner: [{ value: user.id, count: 2 }] });
  });
});

describe('a query', () => {
  test('of anything is answered in every mode', async () => {
    const user = await ai.newUser();
    await user.file('a.txt', 'the heron sent 🦊 and 財務報告書');
    await ai.work();
    const queries = [
      'the of and',
      '🦊',
      '財務',
      ':*',
      '\\',
      '"',
      '-heron',
      '[1,NaN]',
      "'; drop table x --",
      '%',
      '-',
      '""',
      'x'.repeat(1_000),
      '\ue000\ue001',
      '"a b',
      '(',
      '*',
      'a*',
    ];
    for (const q of queries)
      for (const mode of ['hybrid', 'keyword', 'semantic']) {
        const { items } = await search(user, q, { mode });
        if (q === '🦊' && mode === 'keyword') expect(items).toHaveLength(1);
        if (q === '-heron' || q === ':*') expect(items).toEqual([]);
      }
  });

  test('that is not valid is refused by field', async () => {
    const user = await ai.newUser();
    const invalid: [string, string][] = [
      [`q=${'x'.repeat(1_001)}`, 'q'],
      ['q=a%00', 'q'],
      ['q=a&q=b', 'q'],
      ['q=a&cursor=abc', 'cursor'],
      ['q=a&cursor=100', 'cursor'],
      ['q=a&type=nonsense', 'type'],
      ['q=a&folderId=1', 'folderId'],
      ['q=a&createdAfter=soon', 'createdAfter'],
      ['q=a&asOf=0000-01-01', 'asOf'],
      ['q=a&minSize=-1', 'minSize'],
      ['q=a&facets=colour', 'facets.0'],
      ['q=a&freshness=x', 'freshness.0'],
      ['q=a&tpye=image', 'tpye'],
      ['q=a&metadata.a=1&metadata.a=2', 'metadata.a'],
      ['q=a&rerank=maybe', 'rerank'],
    ];
    for (const [query, field] of invalid) {
      const [status, code, fields] = await refusal(user, query);
      expect([status, code], query).toEqual([400, 'invalid_request']);
      expect(fields, query).toContain(field);
    }
  });

  test('takes filters as they are documented', async () => {
    const user = await ai.newUser();
    const id = await user.file('a.txt', 'heron');
    await user.file('b.txt', 'heron');
    await user.call('PATCH', `/v1/files/${id}`, {
      json: { tags: ['x', 'y'], metadata: { project: 'Nile' } },
    });
    await ai.work();
    const found = async (query: string) => {
      const { status, body } = await user.call('GET', `/v1/search?q=heron&mode=keyword&${query}`);
      expect([status, body.errors]).toEqual([200, undefined]);
      return idsOf(body);
    };
    expect(await found('tag=x&tag=y')).toEqual([id]);
    expect(await found('tag=x&metadata.project=Nile&type=text&type=image')).toEqual([id]);
    expect(await found(`tag=x&owner=${user.id}&driveId=${user.id}&maxSize=100`)).toEqual([id]);
    expect(await found('metadata.project=Rhine')).toEqual([]);
    expect(await found('field.total.min=5')).toEqual([]);
    expect(await found(`folderId=${id.replace(/.$/, '0')}`)).toEqual([]);
  });
});

describe('an explanation', () => {
  test('says why a file is, or is not, in the answer', async () => {
    const user = await ai.newUser();
    const id = await user.file('a.txt', 'the heron flies');
    const explain = async (query: string) =>
      (await user.call('GET', `/v1/search/explain?fileId=${id}&${query}`)).body;
    expect(await explain('q=heron')).toMatchObject({ inAnswer: false, reasons: [{ code: 'not_indexed' }] });
    await ai.work();
    const found = await explain('q=heron');
    expect(found).toMatchObject({
      inAnswer: true,
      rank: 1,
      legs: { keyword: { terms: [{ term: 'heron', tf: 1 }] }, semantic: { rank: 1 } },
    });
    expect(await explain('q=heron&type=image')).toMatchObject({
      inAnswer: false,
      reasons: [{ code: 'filter' }],
    });
    expect(await explain('q=zebra&mode=keyword')).toMatchObject({
      inAnswer: false,
      reasons: [{ code: 'no_match' }],
    });
    await user.call('DELETE', `/v1/files/${id}`);
    expect(await explain('q=heron')).toMatchObject({ inAnswer: false, reasons: [{ code: 'deleted' }] });
  });

  test('is the same, byte for byte, for a file that is not there, one of somebody else, and one in their trash', async () => {
    const user = await ai.newUser();
    const id = await user.file('a.txt', 'heron');
    await ai.work();
    const stranger = await ai.newUser();
    const bytes = async (fileId: string) =>
      Buffer.from(
        (await stranger.call('GET', `/v1/search/explain?q=heron&fileId=${fileId}`)).bytes,
      ).toString();
    const nothing = await bytes(`file_${'0'.repeat(32)}`);
    expect(nothing).toContain('not_visible');
    expect(await bytes(id)).toBe(nothing);
    await user.call('DELETE', `/v1/files/${id}`);
    expect(await bytes(id)).toBe(nothing);
  });
});

test('nothing of others shows through hits, counts, facets, corrections or coverage', async () => {
  const [owner, stranger] = [await ai.newUser(), await ai.newUser()];
  const id = await owner.file('canary-name.txt', 'the canary xylophonist sings');
  await owner.call('PATCH', `/v1/files/${id}`, { json: { tags: ['canarytag'] } });
  await stranger.file('own.txt', 'something else');
  await ai.work();
  for (const q of [
    'xylophonist',
    'xylophonst',
    'xyloph*',
    '"canary xylophonist"',
    'canary-name',
    'the canary xylophonist sings',
  ]) {
    for (const mode of ['hybrid', 'keyword', 'semantic']) {
      const answer = await search(stranger, q, { mode, facets: 'type,tag,owner', versions: 'all' });
      expect(idsOf(answer)).not.toContain(id);
      expect(answer.coverage.indexed).toBe(1);
      expect(JSON.stringify(answer)).not.toMatch(/canarytag|xylophonist sings/);
      expect(answer).not.toHaveProperty('corrected');
    }
  }
});
