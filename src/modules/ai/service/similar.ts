import type { StorageClient } from '../../../contracts/storage.ts';
import { aiError } from '../errors.ts';
import type { Similar, SimilarQuery } from '../models/similar.ts';
import type { Caller } from '../ports/caller.ts';
import type { SimilarRepository } from '../ports/similar.ts';

export interface SimilarServiceDependencies {
  readonly repository: SimilarRepository;
  readonly storage: Pick<StorageClient, 'files'>;
}

export type SimilarService = ReturnType<typeof createSimilarService>;

/** Files that are like a file, among those that the caller sees. */
export function createSimilarService({ repository, storage }: SimilarServiceDependencies) {
  return {
    /** @throws AppError `file_not_found`, `not_a_file` */
    async similar(caller: Caller, fileId: string, query: SimilarQuery): Promise<Similar> {
      const found = await repository.similar(caller.userId, fileId, query);
      if (found === undefined) throw aiError('file_not_found');
      if (found === 'not_a_file') throw aiError('not_a_file');
      const { candidates, comparedBy } = found;
      const ids = candidates.map((candidate) => candidate.fileId);
      const files = new Map(
        (ids.length === 0 ? [] : await storage.files(ids, caller)).map((file) => [file.id, file]),
      );
      const items = candidates.flatMap(({ fileId: id, ...rest }) => {
        const file = files.get(id);
        return file === undefined ? [] : [{ file, ...rest }];
      });
      return { items, comparedBy };
    },
  };
}
