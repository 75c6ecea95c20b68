import {
  classificationOutputSchema,
  fieldsOutputSchema,
  fingerprintOutputSchema,
  type StepResult,
} from '../../../contracts/sidecar.ts';
import type { StepResults } from '../models/analysis.ts';

/** Outputs that have a place of their own in the database. */
const ELSEWHERE = new Set(['classification', 'fields', 'fingerprint']);

/** Results of steps as the database has them. */
export function toStored(results: readonly StepResult[]) {
  const output = (step: string) =>
    results.find((result) => result.step === step && result.status === 'done')?.output;
  const fingerprint = fingerprintOutputSchema.safeParse(output('fingerprint'));
  const classification = classificationOutputSchema.safeParse(output('classification'));
  const fields = fieldsOutputSchema.safeParse(output('fields'));
  return {
    byStep: Object.fromEntries(results.map((result) => [result.step, toStep(result)])),
    simhash: fingerprint.success ? String(BigInt.asIntN(64, BigInt(`0x${fingerprint.data.simhash}`))) : null,
    categories: once(classification.data?.categories ?? [], ({ label }) => label),
    fields: once(fields.data?.fields ?? [], ({ name }) => name).map((field) => ({
      ...field,
      number: numberIn(field.value),
    })),
  };
}

function toStep({ step, version, status, reason, output, model }: StepResult): StepResults[string] {
  return {
    version,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(output === undefined || ELSEWHERE.has(step) ? {} : { output }),
    ...(model === undefined ? {} : { model }),
    provider: 'sidecar',
  };
}

/** The first of each key, which is the best. */
function once<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.toReversed().map((item) => [key(item), item])).values()].toReversed();
}

/** `12.50`, `EUR 12.50` */
function numberIn(value: string): number | null {
  const match = /^(?:[A-Z]{3} )?(-?\d{1,300}(?:\.\d{1,100})?)$/.exec(value);
  return match ? Number(match[1]) : null;
}
