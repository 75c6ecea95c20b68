import { sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { policySchema } from '../models/policies.ts';
import type { PolicyRepository } from '../ports/policies.ts';

const rowsSchema = z.array(z.object({ policy: policySchema }));

export function createPolicyRepository(db: Database): PolicyRepository {
  return {
    async policiesFor(userId) {
      const source =
        userId === null
          ? sql`auth.policies where workspace_id is null`
          : sql`auth.policies_of(${idToUuid(userId)}::uuid)`;
      const { rows } = await db.execute(sql`select policy from ${source}`);
      return rowsSchema.parse(rows).map(({ policy }) => policy);
    },
  };
}
