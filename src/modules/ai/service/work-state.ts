import type { Work } from '../models/analysis.ts';
import type { StoredWork } from '../ports/analyses.ts';

const DOING = {
  text: 'reading the document',
  vectors: 'making vectors of its passages',
  steps: 'running the analysis steps',
} as const;

/** Where the work on a version stands, for a person to read. `now` in milliseconds since the epoch. */
export function explainWork(work: StoredWork, now: number): Work {
  const isDone = work.todo.length === 0;
  return {
    stages: [...work.todo],
    priority: work.priority === 0 ? 'interactive' : 'batch',
    attempts: work.attempts,
    since: work.updatedAt.toISOString(),
    nextAttemptAt: isDone ? null : work.nextAttemptAt.toISOString(),
    leasedUntil: work.leaseUntil?.toISOString() ?? null,
    givenUp: work.givenUpAt !== null,
    explanation: explain(work, now),
  };
}

function explain(
  { status, reason, todo, nextAttemptAt, leaseUntil, givenUpAt }: StoredWork,
  now: number,
): string {
  const [stage] = todo;
  if (givenUpAt !== null)
    return `${reason ?? 'It was given up.'} It is done again when somebody asks for it.`;
  if (stage === undefined)
    return reason ?? (status === 'ready' ? 'Everything is done.' : 'Nothing is left to do.');
  const doing = DOING[stage];
  if (leaseUntil !== null && leaseUntil.getTime() > now) return `Being worked on now: ${doing}.`;
  if (leaseUntil !== null) return `Whoever was ${doing} is gone; it is done again by the next one who comes.`;
  const why = reason ?? 'It waits for its turn.';
  return nextAttemptAt.getTime() > now
    ? `${why} Next, at ${nextAttemptAt.toISOString()}: ${doing}.`
    : `${why} Next in turn: ${doing}.`;
}
