import type { z } from 'zod';
import type { FieldPrompt, fieldsOutputSchema } from '../../../contracts/sidecar.ts';
import { candidatesOf, type FieldCandidate } from '../fields/candidates.ts';
import { cueStrength, cuesOf } from '../fields/cues.ts';
import { definePlugin, type EmbedTexts } from '../plugin.ts';
import { cosine, logistic, rounded } from '../text/vectors.ts';

type Output = z.infer<typeof fieldsOutputSchema>;

/** By cue, then by place; the rest of a type is not looked at closer. */
const CANDIDATES_PER_FIELD = 16;
/** Surroundings that are embedded for one document. */
const MOST_CONTEXTS = 400;
const LOWEST_CONFIDENCE = 0.5;

/** Log-odds; set by hand on one invoice, not fitted: they order values, and are no probabilities. */
const ODDS = { intercept: -3.6, cue: 4.2, likeness: 3.5, onlyOne: 0.6 } as const;

interface Scored {
  candidate: FieldCandidate;
  cue: number;
}

/** Values of the fields that a workspace has defined, each with the span that it came from. */
export default definePlugin<Output>({
  manifest: {
    name: 'fields',
    version: '1.0.0',
    description:
      'Values of the fields that the workspace has defined, with how sure they are and where they stand.',
    inputs: ['text', 'embedding'],
    outputs: ['fields'],
    mediaTypes: ['*'],
    limits: { milliseconds: 60_000, characters: 200_000, outputBytes: 200_000 },
  },
  async run({ text, language, fields = [] }, { embed }) {
    if (fields.length === 0) return { skipped: 'The workspace has no fields.' };
    if (text.trim() === '') return { skipped: 'There is no text.' };
    const byType = candidatesOf(text, language);
    const wanted = fields.map((field) => {
      const all = byType(field);
      return { field, only: all.length === 1, candidates: shortlist(text, field, all) };
    });
    const likeness = await compare(wanted, embed);
    const found = wanted.flatMap(({ field, only, candidates }) => {
      const best = bestOf(field, candidates, only, likeness);
      return best === undefined ? [] : [best];
    });
    return {
      output: { fields: found },
      ...(likeness === undefined
        ? { remark: 'By the words beside them only: no embedding model was ready.' }
        : {}),
    };
  },
});

function shortlist(text: string, field: FieldPrompt, candidates: readonly FieldCandidate[]): Scored[] {
  const cues = cuesOf(field);
  return candidates
    .map((candidate) => ({ candidate, cue: cueStrength(text, candidate, cues) }))
    .sort((a, b) => b.cue - a.cue || a.candidate.start - b.candidate.start)
    .slice(0, CANDIDATES_PER_FIELD);
}

/** How like the surroundings of a candidate are to the field; undefined without a model. */
async function compare(
  wanted: readonly { field: FieldPrompt; candidates: readonly Scored[] }[],
  embed: EmbedTexts | undefined,
): Promise<((field: FieldPrompt, candidate: FieldCandidate) => number) | undefined> {
  const prompts = wanted.map(({ field }) => promptOf(field));
  const contexts = [
    ...new Set(wanted.flatMap(({ candidates }) => candidates.map(({ candidate }) => candidate.context))),
  ];
  const embedded = await embed?.([...prompts, ...contexts.slice(0, MOST_CONTEXTS)]);
  if (embedded === undefined) return undefined;
  const vectors = new Map([...prompts, ...contexts].map((text, index) => [text, embedded.vectors[index]]));
  return (field, { context }) => cosine(vectors.get(promptOf(field)) ?? [], vectors.get(context) ?? []);
}

function promptOf({ name, description }: FieldPrompt): string {
  return description.trim() === '' ? name : `${name}: ${description}`;
}

function bestOf(
  field: FieldPrompt,
  candidates: readonly Scored[],
  only: boolean,
  likeness: ((field: FieldPrompt, candidate: FieldCandidate) => number) | undefined,
): Output['fields'][number] | undefined {
  let best: { candidate: FieldCandidate; confidence: number } | undefined;
  for (const { candidate, cue } of candidates) {
    const odds =
      ODDS.intercept +
      ODDS.cue * cue +
      ODDS.likeness * Math.max(0, likeness?.(field, candidate) ?? 0) +
      (only ? ODDS.onlyOne : 0) +
      candidate.bonus;
    const confidence = rounded(logistic(odds));
    if (best === undefined || confidence > best.confidence) best = { candidate, confidence };
  }
  if (best === undefined || best.confidence < LOWEST_CONFIDENCE) return undefined;
  const { value, start, end } = best.candidate;
  return { name: field.name, value, confidence: best.confidence, start, end };
}
