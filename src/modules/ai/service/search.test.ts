import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { File } from '../../../contracts/storage.ts';
import { createMemoryCache } from '../../../core/cache/memory-cache.ts';
import { createLogger } from '../../../core/telemetry/logger.ts';
import { createSeal } from '../adapters/signed-cursor.ts';
import { searchQuerySchema } from '../models/search.ts';
import {
  type Candidate,
  MARK_END,
  MARK_START,
  type Reranker,
  type SearchRepository,
} from '../ports/search.ts';
import { createAnswerPages } from './answer-pages.ts';
import { fuse } from './fusion.ts';
import { unmark } from './highlights.ts';
import { createSearchService } from './search.ts';

const candidate = (file: number, score: number): Candidate => ({
  fileId: `file_${file}`,
  versionId: `ver_${file}`,
  index: 0,
  score,
});

const leg = fc
  .uniqueArray(
    fc.record({
      file: fc.nat({ max: 20 }),
      score: fc.integer({ min: 1, max: 1_000 }).map((thousandths) => thousandths / 1_000),
    }),
    {
      selector: ({ file }) => file,
      maxLength: 12,
    },
  )
  .map((hits) => hits.map(({ file, score }) => candidate(file, score)));

describe('fusion', () => {
  test('has each file of either leg once, with a score in (0, 1], best first', () => {
    fc.assert(
      fc.property(leg, leg, (keyword, semantic) => {
        const fused = fuse(keyword, semantic);
        const files = new Set([...keyword, ...semantic].map(({ fileId }) => fileId));
        expect(new Set(fused.map(({ fileId }) => fileId))).toEqual(files);
        expect(fused).toHaveLength(files.size);
        for (const { score } of fused) expect(score > 0 && score <= 1 + 1e-9).toBe(true);
        const scores = fused.map(({ score }) => score);
        expect(scores).toEqual(scores.toSorted((a, b) => b - a));
      }),
    );
  });

  test('does not depend on the order of its legs', () => {
    fc.assert(
      fc.property(leg, leg, (keyword, semantic) => {
        expect(fuse(keyword.toReversed(), semantic.toReversed())).toEqual(fuse(keyword, semantic));
      }),
    );
  });

  test('of one leg keeps that leg’s order', () => {
    fc.assert(
      fc.property(leg, (keyword) => {
        const scoreOf = new Map(keyword.map(({ fileId, score }) => [fileId, score]));
        const scores = fuse(keyword, []).map(({ fileId }) => scoreOf.get(fileId) ?? 0);
        for (const [at, score] of scores.entries())
          expect((scores[at - 1] ?? Infinity) + 1e-9 >= score).toBe(true);
      }),
    );
  });

  test('puts what is best in both legs first and says that both found it', () => {
    const fused = fuse([candidate(1, 0.9), candidate(2, 0.3)], [candidate(3, 0.9), candidate(1, 0.95)]);
    expect(fused[0]).toMatchObject({ fileId: 'file_1', match: 'both' });
    expect(fused.map(({ match }) => match).toSorted()).toEqual(['both', 'keyword', 'semantic']);
  });

  test('does not take the only file with an incidental word of the query for the best', () => {
    const fused = fuse([candidate(1, 0.1)], [candidate(2, 0.6), candidate(1, 0.2)]);
    expect(fused[0]?.fileId).toBe('file_2');
  });
});

test('marks become offsets of the words in the snippet', () => {
  const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
  const pieces = fc.array(fc.record({ word, marked: fc.boolean() }), { maxLength: 12 });
  fc.assert(
    fc.property(pieces, (all) => {
      const text = all.map(({ word: piece, marked }) =>
        marked ? `${MARK_START}${piece}${MARK_END}` : piece,
      );
      const { text: snippet, spans: highlights } = unmark(text.join(''));
      expect(snippet).toBe(all.map(({ word: piece }) => piece).join(''));
      expect(highlights.map(({ start, end }) => snippet.slice(start, end))).toEqual(
        all.filter(({ marked }) => marked).map(({ word: piece }) => piece),
      );
    }),
  );
});

test.each(['\0', 'a\0b', '', '   ', 'x'.repeat(1_001), ['a', 'b']])('%j is no query', (q) => {
  expect(searchQuerySchema.safeParse({ q }).success).toBe(false);
});

describe('searching', () => {
  const file = (id: number, versionId = `ver_${id}`): File => ({
    id: `file_${id}`,
    kind: 'file',
    name: 'a',
    driveId: 'usr_1',
    parentId: null,
    path: '/a',
    size: 1,
    contentType: 'text/plain',
    sha256: 'x',
    etag: '"x"',
    role: 'manager',
    content: 'live',
    tags: [],
    metadata: {},
    favourite: false,
    trashedAt: null,
    version: { id: versionId, number: 1 },
    analysis: { status: 'ready' },
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
  });
  const coverage = { indexed: 3, pending: 0, failed: 0, skipped: 0, reasons: [] };
  const caller = { userId: 'usr_1', credential: 'x', address: null };

  const unused = () => Promise.reject(new Error('not asked for'));
  const repository: SearchRepository = {
    modelsInUse: async () => [],
    rankingModel: async () => null,
    search: async (_scope, _terms, { keyword, vectors }) => ({
      keyword: keyword ? [candidate(1, 3), candidate(2, 2), candidate(3, 1)] : [],
      semantic: vectors.length > 0 ? [candidate(3, 0.9)] : [],
      names: [],
      coverage,
      freshness: undefined,
    }),
    passages: async (_terms, hits) =>
      hits.map(({ versionId, index }) => ({
        versionId,
        index,
        start: 100,
        end: 104,
        page: null,
        marked: `t${MARK_START}ex${MARK_END}t`,
      })),
    versions: async (versionIds) => versionIds.map((versionId) => ({ versionId, number: 1, sha256: null })),
    facets: unused,
    likeWords: unused,
    matching: unused,
    standing: unused,
  };
  const create = (
    shown: File[],
    embed: () => Promise<number[]> = async () => [1],
    isOn = true,
    cache = createMemoryCache(() => 0),
    reranker: Reranker = { rank: async () => undefined },
  ) =>
    createSearchService({
      repository,
      embedQuery: async () => ({ model: 'm', provider: 'p', values: await embed() }),
      semanticSearchIsOn: async () => isOn,
      storage: {
        events: async () => [],
        versionSource: async () => undefined,
        files: async () => shown,
        applyRule: unused,
      },
      reranker,
      pages: createAnswerPages({ cache, seal: createSeal('secret') }),
      newToken: () => 'answer',
      logger: createLogger('silent', {}),
    });
  const ask = (mode: 'hybrid' | 'keyword' | 'semantic') => ({ q: 'x', mode, limit: 10 });

  test('without a model answers by keyword and says so', async () => {
    const service = create([file(1)], () => Promise.reject(new Error('no model')));
    const answer = await service.search(caller, ask('hybrid'));
    expect(answer).toMatchObject({ mode: 'keyword', degraded: true, items: [{ match: 'keyword' }] });
    expect(await service.search(caller, ask('keyword'))).toMatchObject({ mode: 'keyword', degraded: false });
  });

  test('while search by meaning is switched off, answers by keyword and says so, without asking the model', async () => {
    const service = create([file(1)], () => Promise.reject(new Error('asked')), false);
    const answer = await service.search(caller, ask('semantic'));
    expect(answer).toMatchObject({ mode: 'keyword', degraded: true, items: [{ match: 'keyword' }] });
  });

  test('leaves out what storage does not show, and what has another version by now', async () => {
    const answer = await create([file(1), file(2, 'ver_newer')]).search(caller, ask('hybrid'));
    expect(answer.items.map((hit) => hit.file.id)).toEqual(['file_1']);
  });

  const all = [file(1), file(2), file(3)];
  const page = { ...ask('keyword'), limit: 2 };

  test.each([
    ['remembered', () => createMemoryCache(() => 0)],
    ['forgotten', () => ({ get: async () => undefined, set: async () => {}, delete: async () => {} })],
  ])('pages end where the next begins, when the answer was %s', async (_, cacheOf) => {
    const service = create(all, undefined, true, cacheOf());
    const first = await service.search(caller, page);
    const rest = await service.search(caller, { ...page, cursor: first.nextCursor ?? '' });
    expect([...first.items, ...rest.items].map((hit) => hit.file.id)).toEqual(['file_1', 'file_2', 'file_3']);
    expect(rest.nextCursor).toBeNull();
  });

  test('a page is filled with what comes behind files that have gone', async () => {
    const answer = await create([file(2), file(3)]).search(caller, page);
    expect(answer.items.map((hit) => hit.file.id)).toEqual(['file_2', 'file_3']);
  });

  test('a cursor that was changed, or is of somebody else or another search, is refused', async () => {
    const service = create(all);
    const cursor = (await service.search(caller, page)).nextCursor ?? '';
    const refusal = (who: typeof caller, request: Parameters<typeof service.search>[1]) =>
      service.search(who, request).then(
        () => 'answered',
        (error) => error.code,
      );
    const [mac = '', body = ''] = cursor.split('.');
    for (const bad of [
      'x',
      '.',
      '1',
      `${mac}.`,
      `${mac}.${body}A`,
      `A${mac.slice(1)}.${body}`,
      `${body}.${mac}`,
      '\u0000.é',
    ])
      expect(await refusal(caller, { ...page, cursor: bad }), bad).toBe('invalid_request');
    expect(await refusal({ ...caller, userId: 'usr_2' }, { ...page, cursor })).toBe('invalid_request');
    expect(await refusal(caller, { ...page, q: 'y', cursor })).toBe('invalid_request');
    expect(await refusal(caller, { ...page, filters: { tag: ['a'] }, cursor })).toBe('invalid_request');
    expect(await refusal(caller, { ...page, cursor })).toBe('answered');
  });

  test('highlights say where they stand in the snippet and in the text', async () => {
    const { items } = await create(all).search(caller, page);
    expect(items[0]).toMatchObject({
      snippet: 'text',
      highlights: [{ start: 1, end: 3, textStart: 101, textEnd: 103 }],
      citation: { versionId: 'ver_1', number: 1, sha256: null, start: 100, end: 104, page: null },
    });
  });

  test('a ranking model decides on the order; without one, or when it fails, the order stays and the answer says so', async () => {
    const order = async (rank: Reranker['rank']) => {
      const service = create(all, undefined, true, undefined, { rank });
      const { items, reranked, providers } = await service.search(caller, {
        ...ask('keyword'),
        rerank: true,
      });
      return [items.map((hit) => hit.file.id), reranked, providers.ranking];
    };
    expect(await order(async () => ({ scores: [-5, 0.5, 7], provider: 'm' }))).toEqual([
      ['file_3', 'file_2', 'file_1'],
      true,
      'm',
    ]);
    const asBefore = [['file_1', 'file_2', 'file_3'], false, null];
    expect(await order(async () => undefined)).toEqual(asBefore);
    expect(await order(() => Promise.reject(new Error('too slow')))).toEqual(asBefore);
  });

  test('a query without anything to look for asks no model and is not degraded', async () => {
    const service = create(all, () => Promise.reject(new Error('asked')));
    expect(await service.search(caller, { ...ask('semantic'), q: ':*' })).toMatchObject({
      degraded: false,
      items: [],
    });
  });
});
