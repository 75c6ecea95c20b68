import type { Defect } from '../defect.ts';

const STORAGE = 'src/modules/storage';
const FEED = `${STORAGE}/repository/changes.ts`;
const CHANGES = [`${STORAGE}/service/changes.test.ts`];
const IDEMPOTENCY = [`${STORAGE}/service/idempotency.test.ts`];

/** The change feed, and calls that are repeated. */
export const STORAGE_TELLING_DEFECTS: readonly Defect[] = [
  {
    claim: 'F20',
    title: 'the feed passes a transaction that is still running',
    file: FEED,
    find: '\n          and c.transaction_id < (select transaction_id from horizon)',
    replace: '',
    tests: CHANGES,
    by: 'holds back what is ahead of a transaction that is still running, and never passes it',
  },
  {
    claim: 'F20',
    title: 'the feed tells the last things first',
    file: FEED,
    find: 'order by o.transaction_id, o.id)\n        from told',
    replace: 'order by o.transaction_id desc, o.id desc)\n        from told',
    tests: CHANGES,
    by: 'tells everything in order, in pages of any size, with files as they are now',
  },
  {
    claim: 'F20',
    title: 'a cursor that is older than the feed misses what was thrown away',
    file: FEED,
    find: "or (select (c.transaction_id, c.event_id) > ${place} from storage.cursors c where c.name = 'trimmed')",
    replace: '',
    tests: CHANGES,
    by: 'go when all have read them; older cursors are refused, younger ones go on',
  },
  {
    claim: 'S29',
    title: 'the feed tells of what was never seen',
    file: `${STORAGE}/service/changes.ts`,
    find: 'return takesAway\n',
    replace: 'return takesAway || fileId !== type\n',
    tests: CHANGES,
    by: 'keeps from a member what is denied to them in a drive that they see',
  },
  {
    claim: 'S34',
    title: 'whoever waits for a change is told of it after the end of the session',
    file: `${STORAGE}/service/changes.ts`,
    find: 'if (waited) await waiting.stillAllowed();',
    replace: '',
    tests: CHANGES,
    by: 'does not outlast the session that it began with',
  },
  {
    claim: 'F19',
    title: 'another call under the same key gets the first answer',
    file: `${STORAGE}/repository/idempotency.ts`,
    find: "if (row.fingerprint !== fingerprint) return { state: 'reused' };",
    replace: '',
    tests: IDEMPOTENCY,
    by: 'and another body, name or path is refused',
  },
  {
    claim: 'F19',
    title: 'the bytes of an upload are no part of what is repeated',
    file: `${STORAGE}/api/idempotency.ts`,
    find: 'if (isSameBody && !(await isSameBody(c, admission.answer)))',
    replace: 'if (isSameBody === null)',
    tests: IDEMPOTENCY,
    by: 'and another body, name or path is refused',
  },
  {
    claim: 'F19',
    title: 'calls with one key at once run all',
    file: `${STORAGE}/repository/idempotency.ts`,
    find: 'where k.status is null and k.lease_until < now() and k.fingerprint',
    replace: 'where k.status is null and k.fingerprint',
    tests: IDEMPOTENCY,
    by: 'sent fifty times at once makes one file; the others are told to wait or get its answer',
  },
  {
    claim: 'F8',
    title: 'a call that is repeated does not look for what it has made',
    file: `${STORAGE}/service/content.ts`,
    find: 'target.isRepeated && resourceUuid ? await madeBefore(target.userId, resourceUuid) : undefined;',
    replace: 'undefined;',
    tests: IDEMPOTENCY,
    by: 'whose answer was lost after its effect finds the effect',
  },
  {
    claim: 'F19',
    title: 'a refusal keeps its key',
    file: `${STORAGE}/api/idempotency.ts`,
    find: 'calls.refused(userId, key, lease)',
    replace: 'Promise.resolve()',
    tests: IDEMPOTENCY,
    by: 'that was refused leaves its key free',
  },
];
