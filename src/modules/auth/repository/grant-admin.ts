import { sql } from 'drizzle-orm';
import { z } from 'zod';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';

const foundSchema = z.object({ id: z.string(), role: z.string(), verified: z.boolean() });

export type GrantOutcome = 'granted' | 'already_admin' | 'not_verified' | 'not_found';

/**
 * Makes the person with this address an administrator of the deployment: how the first one comes to be, because no
 * account exists by default. For operators, who have the database anyway.
 *
 * @param options.unverified also if nobody has confirmed yet that the address is theirs: then it is whoever typed it
 */
export async function grantAdmin(
  db: Database,
  email: string,
  options: { readonly unverified: boolean },
): Promise<GrantOutcome> {
  const { rows } = await db.execute(sql`
    select id, role, email_verified_at is not null as verified from auth.users
    where lower(email) = lower(${email}) and kind = 'person' and disabled_at is null and deleted_at is null`);
  if (rows[0] === undefined) return 'not_found';
  const { id, role, verified } = foundSchema.parse(rows[0]);
  if (role === 'admin') return 'already_admin';
  if (!verified && !options.unverified) return 'not_verified';
  const audit = auditRows(
    {
      actor: { kind: 'system' },
      action: 'user.role',
      object: { kind: 'user', id: uuidToId('usr', id) },
      result: 'success',
      details: { from: role, to: 'admin' },
    },
    sql`from granted`,
  );
  const granted = await db.execute(sql`
    with granted as (
      update auth.users set role = 'admin', updated_at = now()
      where id = ${id}::uuid and role <> 'admin' and lower(email) = lower(${email})
        and disabled_at is null and deleted_at is null
      returning id
    ), audited as (${audit})
    select id from granted`);
  return granted.rows.length > 0 ? 'granted' : 'already_admin';
}
