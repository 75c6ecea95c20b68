import type { Defect } from '../defect.ts';

const STORAGE = 'src/modules/storage';
const DELIVERIES = `${STORAGE}/repository/webhook-deliveries.ts`;
const WEBHOOKS = [`${STORAGE}/service/webhooks.test.ts`];

export const STORAGE_WEBHOOK_DEFECTS: readonly Defect[] = [
  {
    claim: 'F20',
    title: 'webhooks pass a transaction that is still running',
    file: DELIVERIES,
    find: '\n        and o.transaction_id < pg_snapshot_xmin(pg_current_snapshot())',
    replace: '',
    tests: WEBHOOKS,
    by: 'waits for transactions that are still running, and passes none of them',
  },
  {
    claim: 'S45',
    title: 'a webhook leads into the private network, by address',
    file: 'src/core/security/destinations.ts',
    find: "return isPublicAddress(host) ? undefined : 'must lead to a public address';",
    replace: 'return undefined;',
    tests: WEBHOOKS,
    by: 'is refused by how it is written, when it is made and when it is changed',
  },
  {
    claim: 'S45',
    title: 'a webhook leads into the private network, by name',
    file: `${STORAGE}/adapters/webhook-sender.ts`,
    find: "if (destination.kind !== 'open')",
    replace: "if (destination.kind === 'unknown')",
    tests: WEBHOOKS,
    by: 'is looked at again before each request, and by every address that the name has',
  },
  {
    claim: 'S45',
    title: 'one public address of a name is enough',
    file: 'src/core/security/destinations.ts',
    find: 'addresses.every(isPublicAddress)',
    replace: 'addresses.some(isPublicAddress)',
    tests: WEBHOOKS,
    by: 'is looked at again before each request, and by every address that the name has',
  },
  {
    claim: 'S45',
    title: 'a webhook is led elsewhere',
    file: `${STORAGE}/adapters/webhook-sender.ts`,
    find: "redirect: 'manual',",
    replace: "redirect: 'follow',",
    tests: WEBHOOKS,
    by: 'never follows a redirect',
  },
  {
    claim: 'S45',
    title: 'what a webhook says is not what was signed',
    file: `${STORAGE}/service/webhook-delivery.ts`,
    find: 'webhookSignature(secrets, { id: due.id, timestampSeconds, body })',
    replace: "webhookSignature(secrets, { id: due.id, timestampSeconds, body: '' })",
    tests: WEBHOOKS,
    by: 'is told of each event of its drive once, signed so that its receiver can believe it',
  },
  {
    claim: 'S34',
    title: 'a webhook goes on when its maker may not manage the drive any more',
    file: `${STORAGE}/service/webhook-delivery.ts`,
    find: 'if (!due.speaks) {',
    replace: "if (due.url === '') {",
    tests: WEBHOOKS,
    by: 'falls silent when its maker may not manage the drive any more, for what was waiting too',
  },
  {
    claim: 'F8',
    title: 'a delivery that nobody noted comes under another id',
    file: DELIVERIES,
    find: "id: uuidToId('whd', id),\n        webhookId",
    replace: "id: uuidToId('whd', leaseToken),\n        webhookId",
    tests: WEBHOOKS,
    by: 'whose sender went away before it was noted comes again, under the same id',
  },
];
