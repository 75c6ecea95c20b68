import { createHash } from 'node:crypto';
import type { AuditEntry } from './audit.ts';

/** A row of the audit log as it goes into the hash chain and into an export; see docs/audit.md, byte for byte. */
export interface ChainedEvent {
  /** Place in the chain, from 1, without gaps. */
  readonly sequence: number;
  readonly id: number;
  /** ISO 8601 UTC with milliseconds. */
  readonly occurredAt: string;
  readonly actorKind: AuditEntry['actor']['kind'];
  readonly actorId: string | null;
  readonly credentialId: string | null;
  readonly action: string;
  readonly objectKind: string | null;
  readonly objectId: string | null;
  readonly workspaceId: string | null;
  readonly result: AuditEntry['result'];
  readonly reason: string | null;
  readonly address: string | null;
  readonly requestId: string | null;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** Where a chain stands: the last place that was given, and the hash there. */
export interface ChainHead {
  readonly sequence: number;
  /** Lower-case hex. */
  readonly hash: string;
}

/** A signed statement that the chain up to `sequence` ends in `hash`. */
export interface Checkpoint extends ChainHead {
  readonly createdAt: Date;
  /** Compact JWS over the other three. */
  readonly signature: string;
}

/** What the first row follows. */
export const CHAIN_START: ChainHead = { sequence: 0, hash: '0'.repeat(64) };
/** `typ` of checkpoints; keeps every other kind of signature out (RFC 8725 3.11). */
export const CHECKPOINT_TYPE = 'audit-checkpoint+jws';

/** `details` is ordered by hand, because an object of JavaScript puts keys that look like numbers first. */
export function canonicalJson(event: ChainedEvent): string {
  const { details, ...rest } = event;
  const fields = FIELDS.map((name) => member(name, rest[name]));
  const sorted = Object.entries(details).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.join(',')},"details":{${sorted.map(([name, value]) => member(name, value)).join(',')}}}`;
}

const FIELDS = [
  'sequence',
  'id',
  'occurredAt',
  'actorKind',
  'actorId',
  'credentialId',
  'action',
  'objectKind',
  'objectId',
  'workspaceId',
  'result',
  'reason',
  'address',
  'requestId',
] as const satisfies readonly (keyof ChainedEvent)[];

const member = (name: string, value: string | number | boolean | null): string =>
  `${JSON.stringify(name)}:${JSON.stringify(value)}`;

/** SHA-256 over the previous hash in hex, a line feed, and the canonical JSON in UTF-8. */
export function chainHash(previousHash: string, event: ChainedEvent): string {
  return createHash('sha256')
    .update(`${previousHash}\n${canonicalJson(event)}`)
    .digest('hex');
}

/** One line of an export. The event is there as it was hashed. */
export function eventLine(event: ChainedEvent, hash: string): string {
  return `{"type":"event","hash":${JSON.stringify(hash)},"event":${canonicalJson(event)}}`;
}

export function checkpointLine({ sequence, hash, createdAt, signature }: Checkpoint): string {
  return JSON.stringify({
    type: 'checkpoint',
    sequence,
    hash,
    createdAt: createdAt.toISOString(),
    signature,
  });
}
