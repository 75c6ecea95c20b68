import { storageError } from '../errors.ts';
import type { Comment } from '../models/comments.ts';
import { ROLES, type Role } from '../ports/actor.ts';
import type { CommentRepository } from '../ports/comments.ts';
import type { GrantRepository } from '../ports/grants.ts';
import { type Page, pageOf } from './page.ts';
import { requireRole, roleRequired } from './roles.ts';

export interface CommentServiceDependencies {
  readonly comments: CommentRepository;
  readonly grants: Pick<GrantRepository, 'standing'>;
  readonly newId: (prefix: 'cmt') => string;
}

export type CommentService = ReturnType<typeof createCommentService>;

/** What people say about a file, for all who see it. */
export function createCommentService({ comments, grants, newId }: CommentServiceDependencies) {
  async function need(role: Role, userId: string, fileId: string): Promise<void> {
    const standing = await grants.standing(userId, fileId);
    requireRole(role, standing?.rank ?? 0);
  }

  return {
    async list(
      userId: string,
      fileId: string,
      query: { cursor?: string | undefined; limit: number },
    ): Promise<Page<Comment>> {
      await need('viewer', userId, fileId);
      const rows = await comments.list(userId, fileId, query.cursor ?? null, query.limit + 1);
      return pageOf(rows, query.limit, (comment) => comment.id);
    },

    async add(userId: string, fileId: string, text: string, resourceUuid?: string): Promise<Comment> {
      await need('commenter', userId, fileId);
      const id = resourceUuid === undefined ? newId('cmt') : `cmt_${resourceUuid.replaceAll('-', '')}`;
      const comment = await comments.add(userId, fileId, id, text);
      if (comment === undefined) throw storageError('file_not_found');
      return comment;
    },

    async remove(userId: string, fileId: string, commentId: string): Promise<void> {
      const standing = await grants.standing(userId, fileId);
      requireRole('viewer', standing?.rank ?? 0);
      if (await comments.remove(userId, fileId, commentId)) return;
      if (!(await comments.has(fileId, commentId))) throw storageError('comment_not_found');
      throw roleRequired('manager', ROLES[(standing?.rank ?? 1) - 1] ?? 'viewer');
    },
  };
}
