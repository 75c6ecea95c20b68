import type { STAGES } from '../models/analysis.ts';

export type Stage = (typeof STAGES)[number];

/** 0: somebody waits for it. 1: a batch or a change of model; done when nothing of 0 is due. */
export type Priority = 0 | 1;

export interface RequestedWork {
  readonly versionId: string;
  /** Through when the analysis has nothing to do and still has this `run`, or a later one. */
  readonly run: number;
}
