import { join } from 'node:path';
import {
  type Bundle,
  BundleError,
  buildBundles,
  type Environment,
  FUNCTION_NAMES,
  type FunctionName,
} from './bundles.ts';

const KIB = 1024;
/** Compressed; what a Worker's upload is limited by and what a cold start has to read. */
const BUDGET_BYTES: Readonly<Record<FunctionName, number>> = {
  gateway: 200 * KIB,
  auth: 640 * KIB,
  storage: 400 * KIB,
  ai: 280 * KIB,
  monolith: 1280 * KIB,
};
const ENVIRONMENTS: readonly Environment[] = ['default', 'dev', 'staging', 'production'];

/** `npm run check:bundles`: every function builds for every environment, and stays within its budget. */
async function checkBundles(): Promise<boolean> {
  const outDir = join(import.meta.dirname, '../../dist/bundles');
  const within: boolean[] = [];
  console.log(row('function', 'environment', 'raw KiB', 'gzip KiB', 'budget'));
  for (const environment of ENVIRONMENTS) {
    const bundles = await buildBundles({ names: FUNCTION_NAMES, outDir, environment, log: () => {} });
    for (const bundle of bundles) {
      console.log(row(bundle.name, environment, kib(bundle.bytes), kib(bundle.gzipBytes), verdict(bundle)));
      within.push(isWithinBudget(bundle));
    }
  }
  return within.every(Boolean);
}

function isWithinBudget({ name, gzipBytes }: Bundle): boolean {
  return gzipBytes <= BUDGET_BYTES[name];
}

function verdict(bundle: Bundle): string {
  const budget = kib(BUDGET_BYTES[bundle.name]);
  return isWithinBudget(bundle) ? `ok, of ${budget}` : `OVER ${budget}`;
}

function kib(bytes: number): string {
  return (bytes / KIB).toFixed(1);
}

function row(name: string, environment: string, raw: string, gzip: string, budget: string): string {
  return `${name.padEnd(10)}${environment.padEnd(13)}${raw.padStart(9)}${gzip.padStart(10)}  ${budget}`;
}

try {
  process.exitCode = (await checkBundles()) ? 0 : 1;
} catch (error) {
  if (!(error instanceof BundleError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
