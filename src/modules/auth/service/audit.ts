import { coreError } from '../../../core/http/app-error.ts';
import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import { checkpointLine, eventLine } from '../../../core/security/audit-chain.ts';
import { type Caller, isAgent, type Principal } from '../../../core/security/principal.ts';
import type {
  AuditEvent,
  AuditPage,
  AuditQuery,
  CheckpointPage,
  ExportQuery,
  PageQuery,
} from '../models/audit.ts';
import type {
  AuditFilter,
  AuditLog,
  AuditRecord,
  AuditSigner,
  Checkpoint,
  CheckpointKey,
} from '../ports/audit.ts';
import { cefLine } from './audit-cef.ts';
import { type AuditSealer, toChained } from './audit-sealer.ts';
import type { RequireInWorkspace } from './workspace-authority.ts';

/** Rows of an export that are in memory at a time. */
const EXPORT_PAGE = 500;

export interface Audit {
  search(query: AuditQuery, principal: Principal, caller: Caller): Promise<AuditPage>;
  ofWorkspace(
    workspaceId: string,
    query: AuditQuery,
    principal: Principal,
    caller: Caller,
  ): Promise<AuditPage>;
  /** What the person did, or somebody who could not prove to be them. */
  ownActivity(query: PageQuery, principal: Principal): Promise<AuditPage>;
  /** Lines, a page at a time, for a reader who sets the pace; the first page is read when it is asked for. */
  export(query: ExportQuery, principal: Principal, caller: Caller): Promise<AsyncGenerator<string>>;
  checkpoints(query: PageQuery): Promise<CheckpointPage>;
  keys(): Promise<readonly CheckpointKey[]>;
  rotateKey(principal: Principal, caller: Caller): Promise<readonly CheckpointKey[]>;
}

export interface AuditDependencies {
  readonly log: AuditLog;
  readonly signer: AuditSigner;
  readonly sealer: Pick<AuditSealer, 'seal'>;
  readonly requireInWorkspace: RequireInWorkspace;
  readonly recordAudit: RecordAudit;
}

export function createAudit(dependencies: AuditDependencies): Audit {
  const { log, signer, sealer, requireInWorkspace, recordAudit } = dependencies;

  const noteReading = (
    action: 'audit.read' | 'audit.export',
    details: Readonly<Record<string, string | undefined>>,
    principal: Principal,
    caller: Caller,
    workspaceId: string | null = null,
  ) =>
    recordAudit({
      ...auditedAs(principal, caller),
      action,
      object: { kind: 'audit', id: 'log' },
      workspaceId,
      result: 'success',
      details: Object.fromEntries(
        Object.entries(details).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
    });

  return {
    async search(query, principal, caller) {
      const page = await pageOf(log, filterOf(query), query);
      const { limit: _, ...details } = query;
      await noteReading('audit.read', details, principal, caller);
      return page;
    },

    async ofWorkspace(workspaceId, query, principal, caller) {
      await requireInWorkspace(principal, workspaceId, 'audit:read');
      if (isAgent(principal))
        throw coreError('permission_denied', { detail: 'People read the log themselves, not by a program.' });
      const page = await pageOf(log, { ...filterOf(query), workspace: workspaceId }, query);
      const { limit: _, ...details } = query;
      await noteReading('audit.read', details, principal, caller, workspaceId);
      return page;
    },

    ownActivity: (query, { userId }) => pageOf(log, { actor: userId }, query),

    async export({ format, from, to }, principal, caller) {
      await noteReading('audit.export', { format, from, to }, principal, caller);
      await sealer.seal();
      const period = { from: dateOf(from), to: dateOf(to) };
      return format === 'jsonl' ? jsonLines(dependencies, period) : cefLines(dependencies, period);
    },

    async checkpoints({ cursor, limit }) {
      const rows = await log.checkpoints(cursor === undefined ? undefined : Number(cursor), limit + 1);
      const items = rows.slice(0, limit);
      return {
        items: items.map((row) => ({ ...row, createdAt: row.createdAt.toISOString() })),
        nextCursor: rows.length > limit ? String(items.at(-1)?.sequence) : null,
      };
    },

    keys: () => signer.publicKeys(),

    async rotateKey(principal, caller) {
      const kid = await signer.rotate();
      await recordAudit({
        ...auditedAs(principal, caller),
        action: 'audit-key.rotate',
        object: { kind: 'audit-key', id: kid },
        result: 'success',
      });
      return signer.publicKeys();
    },
  };
}

const dateOf = (text: string | undefined) => (text === undefined ? undefined : new Date(text));

function filterOf({ actor, action, object, result, workspace, from, to }: AuditQuery): AuditFilter {
  return { actor, action, object, result, workspace, from: dateOf(from), to: dateOf(to) };
}

async function pageOf(log: AuditLog, filter: AuditFilter, { cursor, limit }: PageQuery): Promise<AuditPage> {
  const rows = await log.list(filter, cursor === undefined ? undefined : Number(cursor), limit + 1);
  const items = rows.slice(0, limit);
  return { items: items.map(toEvent), nextCursor: rows.length > limit ? String(items.at(-1)?.id) : null };
}

function toEvent({
  actorKind,
  actorId,
  credentialId,
  objectKind,
  objectId,
  ...row
}: AuditRecord): AuditEvent {
  return {
    ...row,
    occurredAt: row.occurredAt.toISOString(),
    actor: { kind: actorKind, id: actorId, credentialId },
    object: objectId === null ? null : { kind: objectKind, id: objectId },
  };
}

type Period = Pick<AuditFilter, 'from' | 'to'>;
type Sources = Pick<AuditDependencies, 'log' | 'signer'>;

/**
 * Everything of the period from checkpoint to checkpoint, which may be a little more, so that an export verifies by
 * itself: public keys, the checkpoint before the first row, then rows, and each checkpoint after the row that it signs.
 */
async function* jsonLines({ log, signer }: Sources, period: Period): AsyncGenerator<string> {
  const keys = await signer.publicKeys();
  yield lines(keys.map((key) => JSON.stringify({ type: 'key', key })));
  const { after, through } = await log.stretch(period.from, period.to);
  const before = await log.checkpointsWithin(after, after);
  yield lines(before.map(checkpointLine));
  for await (const rows of pages(log, after, through)) {
    const [first, last] = [rows[0]?.sequence ?? 0, rows.at(-1)?.sequence ?? 0];
    const signed = new Map(
      (await log.checkpointsWithin(first, last)).map((checkpoint) => [checkpoint.sequence, checkpoint]),
    );
    yield lines(rows.flatMap((row) => withCheckpoint(row, signed)));
  }
}

function withCheckpoint(row: AuditRecord, signed: ReadonlyMap<number, Checkpoint>): string[] {
  const sequence = row.sequence ?? 0;
  const checkpoint = signed.get(sequence);
  const line = eventLine(toChained(row, sequence), row.hash ?? '');
  return checkpoint ? [line, checkpointLine(checkpoint)] : [line];
}

async function* cefLines({ log }: Sources, { from, to }: Period): AsyncGenerator<string> {
  const { after, through } = await log.stretch(from, to);
  for await (const rows of pages(log, after, through)) {
    const inside = rows.filter(
      ({ occurredAt }) => (from === undefined || occurredAt >= from) && (to === undefined || occurredAt < to),
    );
    yield lines(inside.map(cefLine));
  }
}

async function* pages(log: AuditLog, after: number, through: number): AsyncGenerator<AuditRecord[]> {
  for (let position = after; position < through; ) {
    const rows = await log.sealed(position, through, EXPORT_PAGE);
    if (rows.length === 0) return;
    yield rows;
    position = rows.at(-1)?.sequence ?? through;
  }
}

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');
