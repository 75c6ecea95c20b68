import { sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { WORKSPACE_PERMISSIONS, type WorkspacePermission } from '../../../core/security/permissions.ts';
import type { WorkspaceAuthorities } from '../ports/workspace-decisions.ts';
import { uuid } from './workspace-decisions.ts';

const known: ReadonlySet<string> = new Set(WORKSPACE_PERMISSIONS);
const authoritySchema = z.object({
  role: z.string(),
  permissions: z
    .array(z.string())
    .transform((names) => new Set(names.filter((name): name is WorkspacePermission => known.has(name)))),
});

export function createWorkspaceAuthorities(db: Database): WorkspaceAuthorities {
  return {
    async authorityIn(userId, workspaceId) {
      const { rows } = await db.execute(
        sql`select role, permissions from auth.workspace_authority(${uuid(userId)}, ${uuid(workspaceId)})`,
      );
      return rows[0] === undefined ? undefined : authoritySchema.parse(rows[0]);
    },
  };
}
