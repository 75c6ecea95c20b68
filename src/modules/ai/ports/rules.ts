import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Action, CreateRule, Rule, RuleRun, UpdateRule } from '../models/rules.ts';
import type { DriveCode, InDrive, Refusal } from './drives.ts';

export type RuleRefusal = Refusal<DriveCode | 'rule_not_found' | 'label_not_found' | 'too_many_rules'>;

/** What is done with files that get a label. Whoever writes has to manage the drive. */
export interface RuleRepository {
  list(userId: string, driveId: string, after: string | null, limit: number): Promise<InDrive<Rule>>;
  create(
    userId: string,
    driveId: string,
    rule: CreateRule & { readonly id: string },
    audit: AuditEntry,
  ): Promise<Rule | RuleRefusal>;
  /** Whoever changes it is the one whose rights it has from then on. */
  update(
    userId: string,
    driveId: string,
    id: string,
    change: UpdateRule,
    audit: AuditEntry,
  ): Promise<Rule | RuleRefusal>;
  delete(
    userId: string,
    driveId: string,
    id: string,
    audit: AuditEntry,
  ): Promise<{ readonly id: string } | RuleRefusal>;
  /** What it did to files that the user sees, the newest versions first; undefined when there is no such rule. */
  runs(
    userId: string,
    driveId: string,
    id: string,
    before: string | null,
    limit: number,
  ): Promise<InDrive<RuleRun> | undefined>;
}

/** A rule that is to act on a version. */
export interface DueRun {
  readonly ruleId: string;
  readonly versionId: string;
  readonly fileId: string;
  readonly driveId: string;
  readonly actorId: string;
  readonly action: Action;
  /** The rule is on, and the version still has the label with the score that it takes. */
  readonly holds: boolean;
}

export interface RuleRunRepository {
  /** Nobody else gets them for `leaseSeconds`; those that are not settled by then are due again. */
  claim(limit: number, leaseSeconds: number): Promise<DueRun[]>;
  settle(
    run: DueRun,
    outcome: { readonly state: 'done' | 'refused'; readonly reason: string | null },
  ): Promise<void>;
}
