import type { File } from '../../../contracts/storage.ts';
import type { ExplainRequest, SearchHit, SearchRequest, SearchResult } from '../models/search.ts';
import type { SearchExplanation } from '../models/search-explain.ts';
import type { Caller } from '../ports/caller.ts';
import type { Passage, VersionFacts } from '../ports/search.ts';
import { type AnswerPages, goOn, type Place, tailOf } from './answer-pages.ts';
import { explain } from './explain.ts';
import type { Fused } from './fusion.ts';
import { merged, snippetOf, spansOf, unmark } from './highlights.ts';
import { parseQuery } from './query-language.ts';
import { type Ranking, rank } from './ranking.ts';
import type { SearchParts } from './search-parts.ts';

export interface SearchDependencies extends SearchParts {
  readonly pages: AnswerPages;
  /** Something that nobody can guess. */
  readonly newToken: () => string;
}

export interface SearchService {
  /** @throws AppError `invalid_request` for a cursor that does not belong to this search. */
  search(caller: Caller, request: SearchRequest): Promise<SearchResult>;
  explain(caller: Caller, request: ExplainRequest): Promise<SearchExplanation>;
}

/** Files that are looked up at most to fill a page, when many of an answer have gone meanwhile. */
const ROUNDS = 4;

export function createSearchService(dependencies: SearchDependencies): SearchService {
  const { pages, newToken } = dependencies;

  /** The answer that the cursor is of; or a new one, cut to what comes after the cursor. */
  async function answerOf(
    userId: string,
    request: SearchRequest,
  ): Promise<{ ranking: Ranking; place: Place }> {
    const asked = request.cursor === undefined ? undefined : pages.placeOf(request.cursor, userId, request);
    const kept = asked === undefined ? undefined : await pages.recall(userId, asked.answerId);
    if (asked !== undefined && kept !== undefined) return { ranking: kept, place: asked };
    const fresh = await rank(dependencies, userId, request);
    const ranking = asked === undefined ? fresh : { ...fresh, list: goOn(fresh.list, asked) };
    const place = { ...(asked ?? START), answerId: newToken(), position: 0 };
    if (ranking.list.length > request.limit) await pages.keep(userId, place.answerId, ranking);
    return { ranking, place };
  }

  return {
    async search(caller, request) {
      const { ranking, place } = await answerOf(caller.userId, request);
      const { items, position } = await fillPage(dependencies, caller, request, ranking, place.position);
      const last = ranking.list[position - 1];
      const shown = new Set(place.shown);
      for (const { fileId } of ranking.list.slice(place.position, position)) shown.add(tailOf(fileId));
      const hasMore = position < ranking.list.length && last !== undefined;
      const next = hasMore
        ? { ...place, position, shown, score: last.score, fileId: last.fileId }
        : undefined;
      return {
        items,
        ...ranking.head,
        nextCursor: next === undefined ? null : pages.cursorAt(next, caller.userId, request),
      };
    },
    explain: (caller, request) => explain(dependencies, caller.userId, request),
  };
}

const START: Place = { answerId: '', position: 0, score: Infinity, fileId: '', shown: new Set() };

/** Goes on behind what is no longer there, until the page is full or the answer at its end. */
async function fillPage(
  dependencies: SearchDependencies,
  caller: Caller,
  request: SearchRequest,
  { query, list }: Ranking,
  from: number,
): Promise<{ items: SearchHit[]; position: number }> {
  const items: SearchHit[] = [];
  let position = from;
  for (let round = 0; round < ROUNDS && items.length < request.limit && position < list.length; round += 1) {
    const next = list.slice(position, position + request.limit - items.length);
    items.push(...(await showHits(dependencies, caller, request, query, next)));
    position += next.length;
  }
  return { items, position };
}

/** A file that storage no longer shows, or whose content is not what was found, is left out. */
async function showHits(
  { storage, repository }: SearchDependencies,
  caller: Caller,
  { filters }: SearchRequest,
  query: string,
  hits: readonly Fused[],
): Promise<SearchHit[]> {
  const terms = parseQuery(query);
  const [files, passages, versions] = await Promise.all([
    storage.files(
      hits.map(({ fileId }) => fileId),
      caller,
    ),
    repository.passages(terms, hits),
    repository.versions(hits.map(({ versionId }) => versionId)),
  ]);
  const fileById = new Map(files.map((file) => [file.id, file]));
  const passageByKey = new Map(passages.map((passage) => [`${passage.versionId}:${passage.index}`, passage]));
  const versionById = new Map(versions.map((version) => [version.versionId, version]));
  const currentOnly = filters?.versions !== 'all' && filters?.asOf === undefined;
  return hits.flatMap((hit) => {
    const file = fileById.get(hit.fileId);
    const version = versionById.get(hit.versionId);
    const passage = passageByKey.get(`${hit.versionId}:${hit.index}`);
    if (file === undefined || version === undefined || file.trashedAt !== null) return [];
    if (currentOnly && file.version?.id !== hit.versionId) return [];
    if (passage === undefined && hit.match !== 'name') return [];
    return [toHit(hit, file, version, passage, terms.grams)];
  });
}

function toHit(
  { score, match }: Fused,
  file: File,
  { versionId, number, sha256 }: VersionFacts,
  passage: Passage | undefined,
  grams: readonly string[],
): SearchHit {
  const nowhere = { start: null, end: null, page: null };
  if (passage === undefined)
    return {
      file,
      score,
      snippet: '',
      highlights: [],
      match,
      passage: null,
      citation: { versionId, number, sha256, ...nowhere },
    };
  const { text, spans } = unmark(passage.marked);
  const { snippet, offset, spans: shown } = snippetOf(text, merged([...spans, ...spansOf(text, grams)]));
  const from = passage.start + offset;
  const range = { start: passage.start, end: passage.end, page: passage.page };
  return {
    file,
    score,
    snippet,
    highlights: shown.map(({ start, end }) => ({ start, end, textStart: from + start, textEnd: from + end })),
    match,
    passage: range,
    citation: { versionId, number, sha256, ...range },
  };
}
