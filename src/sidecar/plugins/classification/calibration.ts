import { logistic } from '../text/vectors.ts';

/**
 * What the likeness of a document and a label is worth. `cosine` is between the document and the label's description;
 * `background` the mean cosine between the document and the descriptions of the default taxonomy, which tells how
 * near this document is to any such sentence at all.
 */
export interface Calibration {
  /** Log-odds: `intercept + cosine × c + (cosine − background) × above`. */
  intercept: number;
  cosine: number;
  above: number;
  /** Log-odds of a document against the mean of example documents: `intercept + cosine × c`. */
  examples: { intercept: number; cosine: number };
}

/** By embedding model; how they were fitted is in docs/decisions/0024. */
const CALIBRATIONS: Readonly<Record<string, Calibration>> = {
  'all-MiniLM-L6-v2': {
    intercept: -6.43,
    cosine: 6.93,
    above: 12.89,
    examples: { intercept: -7.32, cosine: 13.91 },
  },
};
/** For a model that nothing was fitted for: on the careful side of those that were. */
const UNKNOWN: Calibration = { intercept: -8, cosine: 4, above: 14, examples: { intercept: -9, cosine: 12 } };

export function calibrationOf(model: string): Calibration {
  return CALIBRATIONS[model] ?? UNKNOWN;
}

export interface Likeness {
  /** To the description; undefined when there is none. */
  description?: number;
  background: number;
  positive?: { cosine: number; count: number } | undefined;
  negative?: { cosine: number; count: number } | undefined;
}

/** So many examples weigh as much as the description. */
const DESCRIPTION_WEIGHT = 4;

/** Probability that the label is right for the document. */
export function scoreOf(likeness: Likeness, calibration: Calibration): number {
  const { description = likeness.background, background, positive, negative } = likeness;
  const { intercept, cosine, above, examples } = calibration;
  const byDescription = intercept + cosine * description + above * (description - background);
  const byExamples = examples.intercept + examples.cosine * (positive?.cosine ?? 0);
  const shown = positive?.count ?? 0;
  const odds = (DESCRIPTION_WEIGHT * byDescription + shown * byExamples) / (DESCRIPTION_WEIGHT + shown);
  if (negative === undefined) return logistic(odds);
  // A document like those that were refused, and not more like those that were accepted, is refused too.
  const refused = examples.intercept + examples.cosine * negative.cosine;
  const weight = negative.count / (negative.count + DESCRIPTION_WEIGHT);
  const share = weight * logistic(refused - (positive === undefined ? 0 : Math.max(0, byExamples)));
  return logistic((1 - share) * odds - share * Math.max(0, refused));
}
