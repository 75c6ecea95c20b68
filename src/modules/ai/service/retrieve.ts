import type { Retrieved, RetrievedPassage, Retriever } from '../ports/ask.ts';
import { byPassage, fuse } from './fusion.ts';
import { unmark } from './highlights.ts';
import { parseQuery } from './query-language.ts';
import { queryVectors } from './query-vectors.ts';
import type { SearchParts } from './search-parts.ts';

/** A document that answers may answer in several places. */
const PASSAGES_PER_FILE = 3;

/** The best passages themselves, for whoever answers from them; what search finds, several of a file. */
export function createRetriever(
  dependencies: Pick<SearchParts, 'repository' | 'embedQuery' | 'semanticSearchIsOn' | 'storage' | 'logger'>,
): Retriever {
  const { repository, storage } = dependencies;
  return {
    async retrieve(caller, question, filters = {}, limit): Promise<Retrieved> {
      const terms = parseQuery(question);
      const { vectors, missing } =
        terms.meaning === ''
          ? { vectors: [], missing: undefined }
          : await queryVectors(dependencies, caller.userId, terms.meaning);
      const plan = { keyword: true, vectors, depth: limit, perFile: PASSAGES_PER_FILE };
      const { keyword, semantic, coverage } = await repository.search(
        { userId: caller.userId, filters },
        terms,
        plan,
      );
      const best = fuse(keyword, semantic, { keyOf: byPassage }).slice(0, limit);
      const shareOf = new Map(keyword.map((candidate) => [byPassage(candidate), candidate.score]));
      const [files, passages, versions] = await Promise.all([
        best.length === 0 ? [] : storage.files([...new Set(best.map(({ fileId }) => fileId))], caller),
        repository.passages(terms, best),
        repository.versions(best.map(({ versionId }) => versionId)),
      ]);
      const fileById = new Map(files.map((file) => [file.id, file]));
      const found = best.flatMap((hit): RetrievedPassage[] => {
        const { fileId, versionId, index } = hit;
        const file = fileById.get(fileId);
        const version = versions.find((facts) => facts.versionId === versionId);
        const passage = passages.find((other) => other.versionId === versionId && other.index === index);
        const isCurrent =
          filters.versions === 'all' || filters.asOf !== undefined || file?.version?.id === versionId;
        if (file === undefined || version === undefined || passage === undefined || !isCurrent) return [];
        const { start, end, page, marked } = passage;
        const { number: versionNumber, sha256 } = version;
        const share = shareOf.get(byPassage(hit)) ?? 0;
        return [
          {
            file,
            versionId,
            versionNumber,
            sha256,
            start,
            end,
            page,
            text: unmark(marked).text,
            keyword: share,
          },
        ];
      });
      return {
        passages: found,
        degraded: missing !== undefined,
        coverage,
        provider: vectors[0]?.provider ?? null,
      };
    },
  };
}
