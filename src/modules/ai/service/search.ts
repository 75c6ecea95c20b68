import type { CallInTheNameOf, File, StorageClient } from '../../../contracts/storage.ts';
import { describeError, type Logger } from '../../../core/telemetry/logger.ts';
import {
  SEARCH_DEPTH,
  type SearchHit,
  type SearchMode,
  type SearchQuery,
  type SearchResult,
} from '../models/search.ts';
import {
  MARK_END,
  MARK_START,
  type Passage,
  type QueryVector,
  type SearchRepository,
} from '../ports/search.ts';
import { type Fused, fuse } from './fusion.ts';

export interface SearchDependencies {
  readonly repository: SearchRepository;
  readonly embedQuery: (query: string) => Promise<QueryVector>;
  /** False: search goes by keyword for this user, as if there were no model. */
  readonly semanticSearchIsOn: (userId: string) => Promise<boolean>;
  readonly storage: StorageClient;
  readonly logger: Logger;
}

/** Who searches, and what storage is asked with: it checks for itself what it shows. */
export interface Caller extends CallInTheNameOf {
  readonly userId: string;
}

export interface SearchService {
  search(caller: Caller, query: SearchQuery): Promise<SearchResult>;
}

export function createSearchService(dependencies: SearchDependencies): SearchService {
  const { repository, storage } = dependencies;

  return {
    async search(caller, { q, mode, limit, cursor = 0 }) {
      const vector = mode === 'keyword' ? undefined : await vectorOrNone(dependencies, caller.userId, q);
      const answered: SearchMode = vector === undefined ? 'keyword' : mode;
      const legs = { keyword: answered !== 'semantic', vector };
      const { keyword, semantic, coverage } = await repository.search(caller.userId, q, legs, SEARCH_DEPTH);
      const ranked = fuse(keyword, semantic).slice(0, SEARCH_DEPTH);
      const page = ranked.slice(cursor, cursor + limit);
      const [files, passages] = await Promise.all([
        page.length === 0
          ? []
          : storage.files(
              page.map(({ fileId }) => fileId),
              caller,
            ),
        page.length === 0 ? [] : repository.passages(q, page),
      ]);
      return {
        items: toHits(page, files, passages),
        mode: answered,
        degraded: answered !== mode,
        coverage,
        nextCursor: cursor + limit < ranked.length ? String(cursor + limit) : null,
      };
    },
  };
}

/** Search answers without the model rather than not at all. */
async function vectorOrNone(
  { embedQuery, semanticSearchIsOn, logger }: SearchDependencies,
  userId: string,
  query: string,
): Promise<QueryVector | undefined> {
  if (!(await semanticSearchIsOn(userId))) return undefined;
  try {
    return await embedQuery(query);
  } catch (error) {
    logger.warn('no vector for the query, answering by keyword', { error: describeError(error) });
    return undefined;
  }
}

/** A file that storage no longer shows, or whose content changed meanwhile, is left out. */
function toHits(page: readonly Fused[], files: readonly File[], passages: readonly Passage[]): SearchHit[] {
  const fileById = new Map(files.map((file) => [file.id, file]));
  const passageByKey = new Map(passages.map((passage) => [`${passage.versionId}:${passage.index}`, passage]));
  return page.flatMap(({ fileId, versionId, index, score, match }) => {
    const file = fileById.get(fileId);
    const passage = passageByKey.get(`${versionId}:${index}`);
    if (file?.version?.id !== versionId || passage === undefined) return [];
    const { start, end, page: pageNumber } = passage;
    return [{ file, score, ...unmark(passage.marked), match, passage: { start, end, page: pageNumber } }];
  });
}

/** Turns marks into offsets, so that no client has to trust markup in a document's text. */
export function unmark(marked: string): { snippet: string; highlights: { start: number; end: number }[] } {
  const highlights: { start: number; end: number }[] = [];
  let snippet = '';
  for (const piece of marked.split(MARK_START)) {
    const [word, ...rest] = piece.split(MARK_END);
    if (rest.length > 0)
      highlights.push({ start: snippet.length, end: snippet.length + (word ?? '').length });
    snippet += (word ?? '') + rest.join('');
  }
  return { snippet, highlights };
}
