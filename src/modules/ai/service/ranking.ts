import { describeError } from '../../../core/telemetry/logger.ts';
import { type AnswerHead, SEARCH_DEPTH, type SearchRequest } from '../models/search.ts';
import {
  type Found,
  MARK_END,
  MARK_START,
  type QueryTerms,
  type SearchPlan,
  type SearchScope,
} from '../ports/search.ts';
import { correct, doubtfulWords } from './correction.ts';
import { byRank, type Fused, fuse } from './fusion.ts';
import { parseQuery } from './query-language.ts';
import { type QueryVectors, queryVectors } from './query-vectors.ts';
import type { SearchParts } from './search-parts.ts';

/** A whole answer: the order of its files, and what it says besides. Its pages are parts of it. */
export interface Ranking {
  /** The query that was answered, after correction. */
  readonly query: string;
  readonly list: readonly Fused[];
  readonly head: AnswerHead;
}

interface Attempt {
  readonly terms: QueryTerms;
  readonly query: string;
  readonly vectors: QueryVectors;
  readonly found: Found;
}

type Question = Omit<SearchRequest, 'limit' | 'cursor'>;

const RERANKED = 50;

export async function rank(dependencies: SearchParts, userId: string, question: Question): Promise<Ranking> {
  const scope: SearchScope = { userId, filters: question.filters ?? {} };
  const first = await attempt(dependencies, scope, question, question.q);
  const second = await withoutSlips(dependencies, scope, question, first);
  const { terms, query, vectors, found } = second ?? first;
  const { keyword, semantic, names } = found;
  const fused = fuse(keyword, semantic, { names }).slice(0, SEARCH_DEPTH);
  const reranked = question.rerank ? await rerank(dependencies, scope, terms, fused) : undefined;
  const head: AnswerHead = {
    mode: answeredMode(question, terms, vectors),
    degraded: vectors.missing !== undefined,
    ...(vectors.missing === undefined ? {} : { degradedReason: vectors.missing }),
    coverage: found.coverage,
    ...(found.freshness === undefined ? {} : { freshness: found.freshness }),
    ...(second === undefined ? {} : { corrected: { from: question.q, to: query } }),
    ...(question.rerank ? { reranked: reranked !== undefined } : {}),
    ...(await facetsOf(
      dependencies,
      scope,
      question,
      terms,
      [...semantic, ...names].map(({ fileId }) => fileId),
    )),
    providers: {
      embedding: vectors.vectors.map(({ model, provider }) => ({ model, provider: provider ?? 'unknown' })),
      ranking: reranked?.provider ?? null,
    },
  };
  return { query, list: reranked?.list ?? fused, head };
}

async function attempt(
  dependencies: SearchParts,
  scope: SearchScope,
  { mode, freshness }: Pick<Question, 'mode' | 'freshness'>,
  query: string,
): Promise<Attempt> {
  const terms = parseQuery(query);
  const vectors: QueryVectors =
    mode === 'keyword' || terms.meaning === ''
      ? { vectors: [] }
      : await queryVectors(dependencies, scope.userId, terms.meaning);
  const found = await dependencies.repository.search(scope, terms, {
    keyword: mode !== 'semantic' || vectors.missing !== undefined,
    vectors: vectors.vectors,
    depth: SEARCH_DEPTH,
    freshness: freshness === undefined ? undefined : { versionIds: freshness, mode },
  } satisfies SearchPlan);
  return { terms, query, vectors, found };
}

function answeredMode({ mode }: Question, terms: QueryTerms, { vectors }: QueryVectors): AnswerHead['mode'] {
  return mode === 'keyword' || terms.meaning === '' || vectors.length > 0 ? mode : 'keyword';
}

/**
 * Where no word of the query is anywhere, it may be misspelt: then what the files have instead is looked for. A question
 * that the vectors answer in other words is not one: there, every word has to have one that it was meant to be.
 */
async function withoutSlips(
  dependencies: SearchParts,
  scope: SearchScope,
  question: Question,
  { terms, found }: Attempt,
): Promise<Attempt | undefined> {
  if (question.mode === 'semantic' || found.keyword.length + found.names.length > 0) return undefined;
  const words = doubtfulWords(terms);
  if (words.length === 0) return undefined;
  const like = await dependencies.repository.likeWords(scope, words);
  if (found.semantic.length > 0 && words.some((word) => !like.has(word))) return undefined;
  const better = correct(question.q, like);
  if (better === undefined) return undefined;
  const second = await attempt(dependencies, scope, question, better);
  return second.found.keyword.length + second.found.names.length > 0 ? second : undefined;
}

async function facetsOf(
  { repository }: SearchParts,
  scope: SearchScope,
  { facets }: Question,
  terms: QueryTerms,
  fileIds: readonly string[],
): Promise<Pick<AnswerHead, 'facets'>> {
  if (facets === undefined) return {};
  return { facets: await repository.facets(scope, terms, fileIds, facets) };
}

/** The best ones in the order of a ranking model, ahead of the others. Without such a model the order stays. */
async function rerank(
  { repository, reranker, logger }: SearchParts,
  scope: SearchScope,
  terms: QueryTerms,
  list: readonly Fused[],
): Promise<{ list: Fused[]; provider: string } | undefined> {
  const best = list.slice(0, RERANKED);
  if (best.length === 0) return undefined;
  const marks = new RegExp(`[${MARK_START}${MARK_END}]`, 'g');
  try {
    const [passages, model] = await Promise.all([
      repository.passages(terms, best),
      repository.rankingModel(scope),
    ]);
    const textOf = new Map(
      passages.map(({ versionId, index, marked }) => [`${versionId}:${index}`, marked.replace(marks, '')]),
    );
    const ranked = best.filter(({ versionId, index }) => textOf.has(`${versionId}:${index}`));
    const texts = ranked.map(({ versionId, index }) => textOf.get(`${versionId}:${index}`) ?? '');
    const answer =
      texts.length === 0 ? undefined : await reranker.rank(terms.meaning, texts, model ?? undefined);
    if (answer === undefined || answer.scores.length !== texts.length) return undefined;
    const highest = Math.max(...list.map(({ score }) => score));
    // Logits or shares alike: above everything that was not ranked, in the model's order.
    const lifted = ranked.map((hit, at) => ({ ...hit, score: highest + logistic(answer.scores[at] ?? 0) }));
    const rest = list.filter((hit) => !ranked.includes(hit));
    return { list: [...lifted, ...rest].sort(byRank), provider: answer.provider };
  } catch (error) {
    logger.warn('the ranking model did not answer', { error: describeError(error) });
    return undefined;
  }
}

const logistic = (score: number): number => 1 / (1 + Math.exp(-score));
