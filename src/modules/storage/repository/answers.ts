import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { drives, files } from '../../../core/database/schema/storage.ts';
import type { StampRepository } from '../ports/answers.ts';

export function createStampRepository(db: Database): StampRepository {
  const generation = sql<string>`${drives.generation}::text`;
  return {
    async ofFile(userId, fileId) {
      const [row] = await db
        .select({ generation })
        .from(files)
        .innerJoin(drives, eq(drives.id, files.driveId))
        .where(and(eq(files.id, fileId), eq(files.driveId, idToUuid(userId)), isNull(files.trashedAt)));
      return row?.generation;
    },
    async ofDrive(userId) {
      const [row] = await db
        .select({ generation })
        .from(drives)
        .where(eq(drives.id, idToUuid(userId)));
      return row?.generation;
    },
  };
}
