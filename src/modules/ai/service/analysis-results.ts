import type { z } from 'zod';
import {
  entitiesOutputSchema,
  keywordsOutputSchema,
  readingOutputSchema,
  sentimentOutputSchema,
  summaryOutputSchema,
} from '../../../contracts/sidecar.ts';
import { aiError } from '../errors.ts';
import {
  type AnalysesQuery,
  type Analysis,
  type AnalysisList,
  type ExtractedText,
  MAX_TEXT_UNITS,
  type StepResults,
} from '../models/analysis.ts';
import type { AnalysisRepository, StoredAnalysis } from '../ports/analyses.ts';
import type { Stage } from '../ports/work.ts';
import { joinPieces } from './extracted-text.ts';
import { explainWork } from './work-state.ts';

export interface AnalysisResultsDependencies {
  readonly repository: AnalysisRepository;
  /** There is something to do. */
  readonly wakeUp: () => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * What is known of the content of files.
 * @throws AppError `file_not_found`, `not_a_file`, `version_not_found`
 */
export interface AnalysisResults {
  of(userId: string, fileId: string, versionId?: string): Promise<Analysis>;
  /** @throws AppError `text_not_read` */
  text(
    userId: string,
    fileId: string,
    range: {
      readonly start: number;
      readonly end?: number | undefined;
      readonly versionId?: string | undefined;
    },
  ): Promise<ExtractedText>;
  list(userId: string, query: AnalysesQuery): Promise<AnalysisList>;
  /** Asks for it to be done again; without stages all of it. @throws AppError `role_required` */
  askAgain(userId: string, fileId: string, stages: readonly Stage[] | undefined): Promise<Analysis>;
}

const ALL_STAGES: readonly Stage[] = ['text', 'vectors', 'steps'];

export function createAnalysisResults({
  repository,
  wakeUp,
  now,
}: AnalysisResultsDependencies): AnalysisResults {
  async function of(userId: string, fileId: string, versionId?: string): Promise<Analysis> {
    const stored = await repository.find(userId, fileId, versionId);
    if (typeof stored === 'string') throw aiError(stored);
    return toAnalysis(stored, now());
  }

  return {
    of,

    async text(userId, fileId, { start, end = start + MAX_TEXT_UNITS, versionId }) {
      const found = await repository.text(userId, fileId, { start, end, versionId });
      if (typeof found === 'string') throw aiError(found);
      if (!found.isThere) throw aiError('text_not_read');
      return {
        version: found.version,
        length: found.length,
        ...joinPieces(found.pieces, start, end, found.length),
      };
    },

    async list(userId, query) {
      const rows = await repository.list(userId, query);
      const page = rows.slice(0, query.limit);
      return {
        items: page.map(({ fileId, name, versionId, ...work }) => ({
          fileId,
          name,
          versionId,
          status: work.status,
          ...(work.reason === null ? {} : { reason: work.reason }),
          work: explainWork(work, now()),
        })),
        nextCursor: rows.length > query.limit ? (page.at(-1)?.versionId ?? null) : null,
      };
    },

    async askAgain(userId, fileId, stages = ALL_STAGES) {
      const answer = await repository.askAgain(userId, fileId, stages);
      if (answer !== 'asked') throw aiError(answer);
      await wakeUp();
      return of(userId, fileId);
    },
  };
}

function toAnalysis(stored: StoredAnalysis, now: number): Analysis {
  const { version, status, reason, contentType, language, metadata, truncated, results } = stored;
  const found = outputs(results);
  const has = (step: string) => results[step]?.status === 'done';
  return {
    version,
    status,
    ...(reason === null ? {} : { reason }),
    work: explainWork(stored, now),
    contentType,
    language,
    ...found,
    categories: has('classification') || stored.categories.length > 0 ? stored.categories : null,
    fields: has('fields') ? stored.fields : null,
    metadata,
    ...(truncated === null ? {} : { truncated }),
    results: Object.fromEntries(
      Object.entries(results).map(([step, { output, ...rest }]) => [
        step,
        SHOWN_ABOVE.has(step) || output === undefined ? rest : { ...rest, output },
      ]),
    ),
    models: {
      embedding:
        stored.embeddingModel === null
          ? null
          : { model: stored.embeddingModel, provider: stored.embeddingProvider },
    },
  };
}

const SHOWN_ABOVE = new Set(['summary', 'keywords', 'entities', 'sentiment', 'reading']);

function outputs(results: StepResults) {
  const of = <Output>(step: string, schema: z.ZodType<Output>): Output | undefined =>
    schema.safeParse(results[step]?.output).data;
  const summary = of('summary', summaryOutputSchema);
  return {
    summary: summary ? { text: summary.summary, method: summary.method, sentences: summary.sentences } : null,
    keywords: of('keywords', keywordsOutputSchema)?.keywords.map(({ text }) => text) ?? null,
    entities: of('entities', entitiesOutputSchema)?.entities ?? null,
    sentiment: of('sentiment', sentimentOutputSchema) ?? null,
    readingSeconds: of('reading', readingOutputSchema)?.readingSeconds ?? null,
  };
}
