import type { AuditFilter, AuditRecord, Placed } from '../../../core/database/audit-log.ts';
import type { ChainHead, Checkpoint } from '../../../core/security/audit-chain.ts';

export type { AuditFilter, AuditRecord, Checkpoint };

/** See core/database/audit-log.ts. */
export interface AuditLog {
  list(filter: AuditFilter, before: number | undefined, limit: number): Promise<AuditRecord[]>;
  unsealed(limit: number): Promise<{ head: ChainHead; rows: AuditRecord[] }>;
  seal(head: ChainHead, rows: readonly Placed[], checkpoint: Checkpoint): Promise<boolean>;
  prune(days: number, limit: number): Promise<number | undefined>;
  stretch(from: Date | undefined, to: Date | undefined): Promise<{ after: number; through: number }>;
  sealed(after: number, through: number, limit: number): Promise<AuditRecord[]>;
  checkpointsWithin(from: number, through: number): Promise<Checkpoint[]>;
  checkpoints(before: number | undefined, limit: number): Promise<Checkpoint[]>;
}

/** A public key that verifies checkpoints, as a JWK. */
export interface CheckpointKey {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly kid: string;
  readonly alg: string;
  readonly use: string;
}

export interface AuditSigner {
  /** @returns a compact JWS */
  sign(checkpoint: Omit<Checkpoint, 'signature'>): Promise<string>;
  /** The newest first, which is the one that signs. */
  publicKeys(): Promise<readonly CheckpointKey[]>;
  /** A new key signs from now on; the private half of the one before it is forgotten. */
  rotate(): Promise<string>;
}

export interface AuditKeyStore {
  read(): Promise<unknown>;
  /** Does nothing when there is something. */
  insertFirst(values: Record<string, unknown>): Promise<void>;
  /** False when the newest key is another one by now. */
  replace(newestId: string, values: Record<string, unknown>): Promise<boolean>;
}
