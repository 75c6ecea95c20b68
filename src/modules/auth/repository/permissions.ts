import { sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import type { PermissionRepository } from '../ports/permissions.ts';
import { prefixed } from './json-rows.ts';
import { uuid } from './workspace-decisions.ts';

const ownSchema = z.object({
  role_permissions: z.array(z.string()).nullable(),
  scopes: z.array(z.string()).nullable(),
});
const workspacesSchema = z.array(
  z.object({
    id: prefixed('wsp'),
    name: z.string(),
    role: z.string(),
    permissions: z.array(z.string()),
  }),
);
const groupsSchema = z.array(
  z
    .object({ id: prefixed('grp'), workspace_id: prefixed('wsp'), name: z.string() })
    .transform(({ workspace_id: workspaceId, ...row }) => ({ ...row, workspaceId })),
);

export function createPermissionRepository(db: Database): PermissionRepository {
  return {
    async factsOf(userId, credential, limit) {
      const user = uuid(userId);
      const source = credential.kind === 'session' ? sql`auth.sessions` : sql`auth.api_keys`;
      const [own, workspaces, groups] = await db.batch([
        db.execute(sql`
          select r.permissions as role_permissions,
            (select c.scopes from ${source} c where c.id = ${uuid(credential.id)}) as scopes
          from auth.users u left join auth.roles r on r.scope = 'deployment' and r.name = u.role
          where u.id = ${user}`),
        db.execute(sql`
          select w.id, w.name, a.role, a.permissions
          from auth.workspace_members m join auth.workspaces w on w.id = m.workspace_id
            cross join lateral auth.workspace_authority(m.user_id, w.id) a
          where m.user_id = ${user} order by w.id limit ${limit}`),
        db.execute(sql`
          select g.id, g.workspace_id, g.name
          from auth.principals_of(${user}) p join auth.groups g on g.id = p.principal_id
          order by g.id limit ${limit}`),
      ]);
      const { role_permissions, scopes } = ownSchema.parse(own.rows[0]);
      return {
        rolePermissions: role_permissions ?? [],
        scopes,
        workspaces: workspacesSchema.parse(workspaces.rows),
        groups: groupsSchema.parse(groups.rows),
      };
    },
  };
}
