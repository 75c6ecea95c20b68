import { and, desc, eq, lt, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { comments, files } from '../../../core/database/schema/storage.ts';
import type { Comment } from '../models/comments.ts';
import { asUser } from '../ports/actor.ts';
import type { CommentRepository } from '../ports/comments.ts';
import { isVisibleTo, may, uuid } from './access.ts';
import { nameOf } from './grants.ts';

export function createCommentRepository(db: Database): CommentRepository {
  return {
    async list(userId, fileId, before, limit) {
      const rows = await selectComments(
        db,
        userId,
      )(and(eq(comments.fileId, fileId), before === null ? undefined : lt(comments.id, before)))
        .orderBy(desc(comments.id))
        .limit(limit);
      return rows.map(toComment);
    },

    async add(userId, fileId, id, text) {
      const statement = sql`
        with made as (
          insert into storage.comments (id, file_id, author_id, text)
          select ${uuid(id)}, f.id, ${uuid(userId)}, ${text} from storage.files f
          where f.id = ${uuid(fileId)} and f.trashed_at is null and ${may(asUser(userId), 'commenter', sql`f`)}
          on conflict (id) do nothing
          returning id, file_id
        )
        ${told(userId, 'comment.created', sql`made`)}`;
      const [, rows] = await db.batch([
        db.execute(statement),
        selectComments(
          db,
          userId,
        )(and(eq(comments.id, id), eq(comments.fileId, fileId), eq(comments.authorId, userId))),
      ]);
      return rows[0] && toComment(rows[0]);
    },

    async remove(userId, fileId, id) {
      const { rows } = await db.execute(sql`
        with gone as (
          delete from storage.comments c using storage.files f
          where c.id = ${uuid(id)} and c.file_id = ${uuid(fileId)} and f.id = c.file_id and f.trashed_at is null
            and (${may(asUser(userId), 'manager', sql`f`)}
              or c.author_id = ${uuid(userId)} and ${may(asUser(userId), 'viewer', sql`f`)})
          returning c.id, c.file_id
        )
        ${told(userId, 'comment.deleted', sql`gone`)}`);
      return rows.length > 0;
    },

    async has(fileId, id) {
      const rows = await db
        .select({ id: comments.id })
        .from(comments)
        .where(and(eq(comments.id, id), eq(comments.fileId, fileId)));
      return rows.length > 0;
    },
  };
}

const told = (userId: string, type: string, source: SQL): SQL => sql`
  insert into storage.outbox (type, drive_id, scope_id, file_id, actor_id, payload)
  select ${type}, f.drive_id, f.scope_id, f.id, ${uuid(userId)},
    jsonb_build_object('commentId', 'cmt_' || replace(c.id::text, '-', ''))
  from ${source} c join storage.files f on f.id = c.file_id returning id`;

function selectComments(db: Database, userId: string) {
  return (where: SQL | undefined) =>
    db
      .select({
        id: comments.id,
        fileId: comments.fileId,
        authorId: comments.authorId,
        authorName: nameOf(sql`${comments.authorId}`),
        text: comments.text,
        createdAt: comments.createdAt,
      })
      .from(comments)
      .innerJoin(files, eq(files.id, comments.fileId))
      .where(and(where, isVisibleTo(asUser(userId))))
      .$dynamic();
}

function toComment(row: Awaited<ReturnType<ReturnType<typeof selectComments>>>[number]): Comment {
  const { authorId, authorName, createdAt, ...rest } = row;
  return { ...rest, author: { id: authorId, name: authorName }, createdAt: createdAt.toISOString() };
}
