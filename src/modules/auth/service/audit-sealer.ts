import { type ChainedEvent, chainHash } from '../../../core/security/audit-chain.ts';
import type { Logger } from '../../../core/telemetry/logger.ts';
import type { AuditLog, AuditRecord, AuditSigner } from '../ports/audit.ts';

/** What one checkpoint covers at most. */
const BATCH = 1_000;
/** Work of one call; what is left has its turn a minute later. */
const BATCHES = 50;
const PRUNE_ROWS = 5_000;

export interface AuditSealer {
  /** Gives entries that are committed their place in the chain, and signs where it ends. */
  seal(): Promise<void>;
  /** Deletes what is older than `days`; 0 keeps everything. */
  prune(days: number): Promise<void>;
}

export function createAuditSealer(dependencies: {
  readonly log: Pick<AuditLog, 'unsealed' | 'seal' | 'prune'>;
  readonly signer: Pick<AuditSigner, 'sign'>;
  readonly now: () => Date;
  readonly logger: Pick<Logger, 'info'>;
}): AuditSealer {
  const { log, signer, now, logger } = dependencies;
  return {
    async seal() {
      for (let batch = 0; batch < BATCHES; batch += 1) {
        const { head, rows } = await log.unsealed(BATCH);
        if (rows.length === 0) return;
        let { sequence, hash } = head;
        const placed = rows.map((row) => {
          sequence += 1;
          hash = chainHash(hash, toChained(row, sequence));
          return { id: row.id, sequence, hash };
        });
        const checkpoint = { sequence, hash, createdAt: now() };
        const signature = await signer.sign(checkpoint);
        // When another sealer was faster, these rows are tried again on top of its own.
        if (await log.seal(head, placed, { ...checkpoint, signature })) {
          for (const row of rows) logEvent(logger, row);
          logger.info('audit checkpoint', { sequence, hash, signature });
        }
        if (rows.length < BATCH) return;
      }
    },

    async prune(days) {
      if (days === 0) return;
      for (let batch = 0; batch < BATCHES; batch += 1)
        if ((await log.prune(days, PRUNE_ROWS)) === undefined) return;
    },
  };
}

/** One line for each entry, once, after its commit; details and addresses stay in the audit log. */
function logEvent(logger: Pick<Logger, 'info'>, row: AuditRecord): void {
  const { action, result, actorKind, actorId, objectKind, objectId, requestId } = row;
  logger.info('event', {
    event: action,
    result,
    actorKind,
    actorId,
    objectKind,
    objectId,
    ...(requestId === null ? {} : { requestId }),
  });
}

/** A row as it is hashed at its place in the chain. */
export function toChained(row: AuditRecord, sequence: number): ChainedEvent {
  const { hash: _, ...fields } = row;
  return { ...fields, sequence, occurredAt: row.occurredAt.toISOString() };
}
