import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { File } from '../../../contracts/storage.ts';
import { createLogger } from '../../../core/telemetry/logger.ts';
import { searchQuerySchema } from '../models/search.ts';
import { type Candidate, MARK_END, MARK_START, type SearchRepository } from '../ports/search.ts';
import { fuse } from './fusion.ts';
import { createSearchService, unmark } from './search.ts';

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
      const { snippet, highlights } = unmark(text.join(''));
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
  const coverage = { indexed: 3, pending: 0, failed: 0, skipped: 0 };
  const caller = { userId: 'usr_1', credential: 'x', address: null };

  const repository: SearchRepository = {
    search: async (_user, _query, { keyword, vector }) => ({
      keyword: keyword ? [candidate(1, 3), candidate(2, 2), candidate(3, 1)] : [],
      semantic: vector ? [candidate(3, 0.9)] : [],
      coverage,
    }),
    passages: async (_query, hits) =>
      hits.map(({ versionId, index }) => ({
        versionId,
        index,
        start: 0,
        end: 1,
        page: null,
        marked: 'text',
      })),
  };
  const create = (shown: File[], embed: () => Promise<number[]> = async () => [1], isOn = true) =>
    createSearchService({
      repository,
      embedQuery: async () => ({ model: 'm', values: await embed() }),
      semanticSearchIsOn: async () => isOn,
      storage: { events: async () => [], versionSource: async () => undefined, files: async () => shown },
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

  test('pages end where the next begins', async () => {
    const service = create([file(1), file(2), file(3)]);
    const first = await service.search(caller, { ...ask('keyword'), limit: 2 });
    const rest = await service.search(caller, {
      ...ask('keyword'),
      limit: 2,
      cursor: Number(first.nextCursor),
    });
    expect([...first.items, ...rest.items].map((hit) => hit.file.id)).toEqual(['file_1', 'file_2', 'file_3']);
    expect(rest.nextCursor).toBeNull();
  });
});
