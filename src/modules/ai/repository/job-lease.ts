import { and, eq, type SQL, sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';
import { analyses } from '../../../core/database/schema/ai.ts';
import type { Job } from '../ports/jobs.ts';

export const isOurs = (job: Job) =>
  and(eq(analyses.versionId, job.versionId), eq(analyses.leaseToken, job.leaseToken));

/** Condition on `ai.analyses a`. */
export const holds = (job: Job): SQL =>
  sql`a.version_id = ${idToUuid(job.versionId)}::uuid and a.lease_token = ${job.leaseToken}::uuid`;

/** `job`: the row of this job while its lease holds, locked so that it stays ours until the statement is through. */
export const leased = (job: Job): SQL =>
  sql`job as (select a.version_id from ai.analyses a where ${holds(job)} for share)`;

/** What is left to do after a stage: what was asked for meanwhile stays. */
export const without = (job: Job, stage: string): SQL =>
  sql`case when a.run = ${job.run} then array_remove(a.todo, ${stage}) else a.todo end`;

/** `todo` and the lease of a job that has ended. */
export const ended = (job: Job): SQL =>
  sql`todo = case when a.run = ${job.run} then '{}'::text[] else a.todo end,
    lease_token = null, lease_until = null, updated_at = now()`;

/**
 * JSON that `jsonb` takes: it has no NUL and no half characters, which JSON.stringify writes as escapes. Each is
 * replaced by one character, so that offsets stay.
 */
export function storableJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /(?<!\\)((?:\\\\)*)\\u(?:(0000)|d[89a-f][0-9a-f]{2})/g,
    (_all, slashes: string, nul?: string) => `${slashes}${nul === undefined ? '\ufffd' : ' '}`,
  );
}
