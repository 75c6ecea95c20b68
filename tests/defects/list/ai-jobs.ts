import type { Defect } from '../defect.ts';

const AI = 'src/modules/ai';
const LEASE = `${AI}/repository/job-lease.ts`;
const BATCH = `${AI}/repository/batches.ts`;
const FUNCTIONS = 'drizzle/0008_ai-functions.sql';
const JOBS = [`${AI}/repository/job-repository.test.ts`];
const ANALYSIS = [`${AI}/service/analysis.test.ts`];
const BATCHES = ['tests/ai/batches.test.ts'];
const FENCED =
  'whose worker died is given to another when the lease is over, and the first one is fenced out';
const NOT_THEIRS = 'is not there for anybody else, takes only what its maker may change';
const STOPPED =
  'that is paused gets no further, goes on when it is resumed, and when cancelled never ends the rest';

/** Work on versions: one effect each, whatever happens to workers and to what they depend on. */
export const AI_JOB_DEFECTS: readonly Defect[] = [
  {
    claim: 'F1',
    title: 'a worker that comes back too late overwrites what its heir has done',
    file: LEASE,
    find: '::uuid and a.lease_token = ${job.leaseToken}::uuid`;',
    replace: '::uuid`;',
    tests: JOBS,
    by: FENCED,
  },
  {
    claim: 'F1',
    title: 'the work of a worker that died stays with it',
    file: `${AI}/repository/job-repository.ts`,
    find: '(a.lease_until is null or a.lease_until < now())`;',
    replace: 'a.lease_until is null`;',
    tests: JOBS,
    by: FENCED,
  },
  {
    claim: 'F1',
    title: 'work that is asked for while a worker is at it is taken for done',
    file: LEASE,
    find: "sql`todo = case when a.run = ${job.run} then '{}'::text[] else a.todo end,",
    replace: "sql`todo = '{}'::text[],",
    tests: JOBS,
    by: 'meanwhile is not taken for done',
  },
  {
    claim: 'F2',
    title: 'waiting for the sidecar uses up the attempts of a file',
    file: `${AI}/repository/job-repository.ts`,
    find: 'sql`attempts = greatest(0, a.attempts - 1), next_attempt_at = ${inSeconds(',
    replace: 'sql`attempts = a.attempts, next_attempt_at = ${inSeconds(',
    tests: JOBS,
    by: 'that waits for something that is away has not used up an attempt',
  },
  {
    claim: 'F2',
    title: 'a file is given up while the sidecar is away',
    file: `${AI}/service/analysis.ts`,
    find: "return error instanceof DependencyError && error.dependency !== 'postgres';",
    replace: 'return false;',
    tests: ANALYSIS,
    by: 'waits for a dependency that is away, however often it has tried',
  },
  {
    claim: 'F3',
    title: 'a document that takes its worker with it is tried for ever',
    file: `${AI}/service/analysis.ts`,
    find: 'if (attempts > MAX_ATTEMPTS) return giveUp(jobs, job, MAX_ATTEMPTS);',
    replace: '',
    tests: ANALYSIS,
    by: 'that takes its worker with it each time is given up without being tried again',
  },
  {
    claim: 'F3',
    title: 'a dead letter that is asked for again has no attempts left',
    file: FUNCTIONS,
    find: 'run = a.run + 1, attempts = 0, given_up_at = NULL,',
    replace: 'run = a.run + 1,',
    tests: JOBS,
    by: 'of a dead letter begins anew',
  },
  {
    claim: 'F1',
    title: 'the slower of two readers of events takes the cursor back',
    file: `${AI}/repository/job-events.ts`,
    find: 'setWhere: sql`(${cursors.transactionId}, ${cursors.eventId}) < (${transactionId}::xid8, ${eventId}::bigint)`,',
    replace: '',
    tests: JOBS,
    by: 'never move the cursor back, whichever of two readers comes last',
  },
  {
    claim: 'S32',
    title: 'what was read of a file outlasts its deletion for good',
    file: `${AI}/repository/job-events.ts`,
    find: "type === 'file.purged' ? [fileId] : []",
    replace: "type === 'file.trashed' ? [fileId] : []",
    tests: JOBS,
    by: 'that something is gone for good take what was read of it',
  },
  {
    claim: 'batches',
    title: 'a batch that is paused goes on',
    file: BATCH,
    find: "from ai.batches b where b.state = 'running' for no key update skip locked",
    replace: "from ai.batches b where b.state in ('running', 'paused') for no key update skip locked",
    tests: BATCHES,
    by: STOPPED,
  },
  {
    claim: 'batches',
    title: 'what waits in a batch that was cancelled waits for ever',
    file: BATCH,
    find: "from changed where i.batch_id = changed.id and i.state = 'waiting'`;",
    replace: "from changed where i.batch_id = changed.id and i.state = 'failed'`;",
    tests: BATCHES,
    by: STOPPED,
  },
  {
    claim: 'S26',
    title: 'everybody stops the batches of everybody',
    file: BATCH,
    find: 'where b.id = ${uuid(id)} and b.created_by = ${uuid(userId)} for no key update',
    replace: 'where b.id = ${uuid(id)} and ${uuid(userId)} is not null for no key update',
    tests: BATCHES,
    by: NOT_THEIRS,
  },
  {
    claim: 'S29',
    title: 'a batch goes on telling of files that were taken from its maker',
    file: BATCH,
    find: '          and i.file_id in (select seen.file_id from ${visibleFiles(userId)} seen)\n',
    replace: '          and ${uuid(userId)} is not null\n',
    tests: BATCHES,
    by: NOT_THEIRS,
  },
  {
    claim: 'S27',
    title: 'a viewer has files analysed again',
    file: BATCH,
    find: 'select e.file_id, e.version_id from ${editableFiles(userId)} e',
    replace: 'select e.file_id, e.version_id from ${visibleFiles(userId)} e',
    tests: BATCHES,
    by: NOT_THEIRS,
  },
];
