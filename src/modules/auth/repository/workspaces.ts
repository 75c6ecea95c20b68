import { and, asc, eq, gt, isNull, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { appendAudit } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { workspaceMembers, workspaces } from '../../../core/database/schema/auth.ts';
import type { Workspace } from '../models/workspaces.ts';
import type { WorkspaceRepository } from '../ports/workspaces.ts';
import { isoDate, prefixed } from './json-rows.ts';
import { decide, uuid } from './workspace-decisions.ts';

const columns = {
  id: workspaces.id,
  name: workspaces.name,
  role: workspaceMembers.role,
  createdAt: workspaces.createdAt,
  updatedAt: workspaces.updatedAt,
};
const rowSchema = z
  .object({
    id: prefixed('wsp'),
    name: z.string(),
    role: z.string(),
    created_at: isoDate,
    updated_at: isoDate,
  })
  .transform(({ created_at: createdAt, updated_at: updatedAt, ...row }) => ({
    ...row,
    createdAt,
    updatedAt,
  }));

export function createWorkspaceRepository(db: Database): WorkspaceRepository {
  const mine = (userId: string, further: SQL | undefined) =>
    db
      .select(columns)
      .from(workspaceMembers)
      .innerJoin(
        workspaces,
        and(eq(workspaces.id, workspaceMembers.workspaceId), isNull(workspaces.deletedAt)),
      )
      .where(and(eq(workspaceMembers.userId, userId), further));

  return {
    async create({ workspaceId, actorId, name, audit }) {
      const [created] = await db.batch([
        db.insert(workspaces).values({ id: workspaceId, name }).returning(),
        db.insert(workspaceMembers).values({ workspaceId, userId: actorId, role: 'owner' }),
        appendAudit(db, { ...audit, workspaceId, result: 'success' }),
      ]);
      const [row] = created;
      if (row === undefined) throw new Error('the insert returned no row');
      return toWorkspace({ ...row, role: 'owner' });
    },

    async listOf(userId, { cursor, limit }) {
      const rows = await mine(userId, cursor === undefined ? undefined : gt(workspaces.id, cursor))
        .orderBy(asc(workspaces.id))
        .limit(limit + 1);
      return rows.map(toWorkspace);
    },

    async find(userId, workspaceId) {
      const [row] = await mine(userId, eq(workspaces.id, workspaceId));
      return row && toWorkspace(row);
    },

    rename: ({ name, ...change }) =>
      decide(db, {
        ...change,
        permission: 'workspace:write',
        effects: [
          sql`renamed as (
            update auth.workspaces w set name = ${name}, updated_at = now() from verdict, actor
            where verdict.outcome = 'done' and w.id = ${uuid(change.workspaceId)}
            returning w.id, w.name, actor.role, w.created_at, w.updated_at)`,
        ],
        answer: sql`(select to_jsonb(renamed) from renamed)`,
        schema: rowSchema,
      }),

    delete: (change) =>
      decide(db, {
        ...change,
        permission: 'workspace:delete',
        effects: [
          sql`gone as (
            update auth.workspaces w set deleted_at = now() from verdict
            where verdict.outcome = 'done' and w.id = ${uuid(change.workspaceId)})`,
          sql`disabled as (
            update auth.users u set disabled_at = now(), updated_at = now() from verdict
            where verdict.outcome = 'done' and u.kind = 'service' and u.disabled_at is null
              and u.workspace_id = ${uuid(change.workspaceId)})`,
        ],
        schema: z.null(),
      }),
  };
}

function toWorkspace(row: {
  id: string;
  name: string;
  role: string;
  createdAt: Date;
  updatedAt: Date;
}): Workspace {
  const { id, name, role, createdAt, updatedAt } = row;
  return { id, name, role, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}
