import { beforeEach, expect, test } from 'vitest';
import type { File } from '../../../contracts/storage.ts';
import { createLogger } from '../../../core/telemetry/logger.ts';
import type { SearchFilters } from '../models/search.ts';
import type { Candidate, SearchRepository } from '../ports/search.ts';
import { createRetriever } from './retrieve.ts';

const caller = { userId: 'usr_1', credential: 'x', address: null };
const unused = () => Promise.reject(new Error('not asked for'));

const fileOf = (id: number, versionId = `ver_${id}`): File => ({
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
const candidateOf = (id: number): Candidate => ({
  fileId: `file_${id}`,
  versionId: `ver_${id}`,
  index: 0,
  score: 1 / id,
});

/** What storage shows at the moment of the question. */
let shown: File[];
/** What is still there of the versions that were found. */
let known: string[];
beforeEach(() => {
  shown = [fileOf(1), fileOf(2)];
  known = ['ver_1', 'ver_2'];
});

const repository: SearchRepository = {
  modelsInUse: async () => [],
  rankingModel: async () => null,
  search: async () => ({
    keyword: [candidateOf(1), candidateOf(2)],
    semantic: [],
    names: [],
    coverage: { indexed: 2, pending: 0, failed: 0, skipped: 0, reasons: [] },
    freshness: undefined,
  }),
  passages: async (_terms, hits) =>
    hits
      .filter(({ versionId }) => known.includes(versionId))
      .map(({ versionId, index }) => ({ versionId, index, start: 0, end: 4, page: null, marked: 'text' })),
  versions: async (ids) => ids.map((versionId) => ({ versionId, number: 1, sha256: null })),
  facets: unused,
  likeWords: unused,
  matching: unused,
  standing: unused,
};

async function versionsFor(filters?: SearchFilters): Promise<string[]> {
  const retriever = createRetriever({
    repository,
    embedQuery: unused,
    semanticSearchIsOn: async () => false,
    storage: {
      events: async () => [],
      versionSource: async () => undefined,
      files: async () => shown,
      applyRule: unused,
    },
    logger: createLogger('silent', {}),
  });
  const { passages } = await retriever.retrieve(caller, 'why?', filters, 10);
  return passages.map(({ versionId }) => versionId);
}

test('a question is answered from what storage shows at that moment', async () => {
  expect(await versionsFor()).toEqual(['ver_1', 'ver_2']);
  shown = [fileOf(2)];
  expect(await versionsFor()).toEqual(['ver_2']);
});

test('of a file that has another version by now nothing is answered, unless old versions were asked for', async () => {
  shown = [fileOf(1, 'ver_newer'), fileOf(2)];
  expect(await versionsFor()).toEqual(['ver_2']);
  expect(await versionsFor({ versions: 'all' })).toEqual(['ver_1', 'ver_2']);
});

test('what was deleted between finding and showing it is left out', async () => {
  known = ['ver_1'];
  expect(await versionsFor()).toEqual(['ver_1']);
});
