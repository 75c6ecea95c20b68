import { z } from 'zod';

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression, as the package names it. */
  readonly licence: string | undefined;
}

/** Whoever ships these has to name them, and nothing else. */
const ALLOWED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
]);

/** Packages under other licences, each with why that is all right. */
export const LICENCE_EXCEPTIONS: ReadonlyMap<RegExp, string> = new Map([
  [
    /^@img\/sharp-(libvips-|wasm32|win32-)/,
    'libvips (LGPL-3.0-or-later) as a library of its own that anybody can replace; in the sidecar only, unchanged',
  ],
]);

/** Those whose licence is neither allowed nor an exception. */
export function refusedLicences(packages: readonly LockedPackage[]): LockedPackage[] {
  return packages.filter(
    ({ name, licence }) =>
      !isAllowed(licence ?? '') && ![...LICENCE_EXCEPTIONS.keys()].some((pattern) => pattern.test(name)),
  );
}

/** `A OR B` needs one of them, `A AND B` both; what is nested is for a person to read. */
function isAllowed(expression: string): boolean {
  const plain = expression.replace(/^\(([^()]*)\)$/, '$1');
  if (plain.includes(' OR ')) return plain.split(' OR ').some(isAllowed);
  return plain.split(' AND ').every((licence) => ALLOWED.has(licence));
}

const auditSchema = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.object({
      severity: z.string(),
      via: z.array(z.union([z.string(), z.looseObject({ title: z.string() })])),
    }),
  ),
});

export interface KnownHole {
  readonly name: string;
  readonly severity: string;
  readonly title: string;
}

/** The high and critical ones of `npm audit --json`; undefined when that is no answer to the question. */
export function findingsOf(output: string): KnownHole[] | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    return undefined;
  }
  const parsed = auditSchema.safeParse(answer);
  if (!parsed.success) return undefined;
  return Object.entries(parsed.data.vulnerabilities)
    .filter(([, { severity }]) => severity === 'high' || severity === 'critical')
    .map(([name, { severity, via }]) => ({
      name,
      severity,
      title: via.map((cause) => (typeof cause === 'string' ? cause : cause.title)).join(', '),
    }));
}
