import { and, isNotNull, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { objects } from '../../../core/database/schema/storage.ts';
import type { KeyRotationRepository } from '../ports/wrapped-keys.ts';
import { uuid } from './access.ts';

export function createKeyRotationRepository(db: Database): KeyRotationRepository {
  return {
    notUnder: (prefix, limit) =>
      db
        .select({
          id: objects.id,
          key: objects.key,
          encryption: objects.encryption,
          wrappedKey: objects.wrappedKey,
        })
        .from(objects)
        .where(and(isNotNull(objects.wrappedKey), isNotUnder(prefix)))
        .limit(limit),

    async replace(object, wrappedKey, copies, deleteAfterSeconds) {
      await db.execute(sql`
        with replaced as (
          update storage.objects o set wrapped_key = ${wrappedKey}
          where o.id = ${uuid(object.id)} and o.wrapped_key = ${object.wrappedKey} returning o.id
        )
        insert into storage.object_deletions (object_key, next_attempt_at)
        select ${copies.from}, now() + ${deleteAfterSeconds} * interval '1 second' from replaced
        union all
        select ${copies.to}, now() where not exists (select from storage.objects o where o.id = ${uuid(object.id)})
        on conflict do nothing`);
    },
  };
}

/** In the order of bytes, so that the index finds the rest without reading all. */
const isNotUnder = (prefix: string) =>
  sql`(${objects.wrappedKey} collate "C" < ${prefix} or ${objects.wrappedKey} collate "C" >= ${`${prefix.slice(0, -1)}/`})`;
