import type { BenchResult } from './result.ts';

// `npm run bench [name…]`: what the product achieves against what a user would pick instead, measured in one run.

const BENCHES: Readonly<Record<string, () => Promise<{ run(): Promise<BenchResult[]> }>>> = {
  download: () => import('./download.ts'),
  upload: () => import('./upload.ts'),
  'upload-doors': () => import('./upload-doors.ts'),
  'list-pages': () => import('./list-pages.ts'),
  'cached-answers': () => import('./cached-answers.ts'),
  'get-file': () => import('./get-file.ts'),
  'sidecar-embedding': () => import('./sidecar-embedding.ts'),
  search: () => import('./search.ts'),
  ingest: () => import('./ingest.ts'),
  'verified-requests': () => import('./verified-requests.ts'),
  revocation: () => import('./revocation.ts'),
  logins: () => import('./logins.ts'),
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`no such bench: ${unknown.join(', ')}. There are: ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}

const line = (...cells: readonly string[]) => {
  const [name = '', ...figures] = cells;
  console.log([name.padEnd(64), ...figures.map((figure) => figure.padStart(16))].join(''));
};

// The services end with this process, workerd by Miniflare's own hook.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

line('', 'ours', 'reference', 'ratio', 'aim', '');
for (const [name, load] of Object.entries(BENCHES)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  for (const result of await (await load()).run()) printRow(result);
}
process.exit(0);

function printRow({ name, ours, reference, unit, aim }: BenchResult): void {
  const ratio = reference === undefined ? undefined : ours / reference;
  line(
    name,
    `${figure(ours)} ${unit}`,
    reference === undefined ? '' : `${figure(reference)} ${unit}`,
    ratio === undefined ? '' : ratio.toFixed(2),
    ...verdict(ours, ratio, aim),
  );
}

function verdict(ours: number, ratio: number | undefined, aim: BenchResult['aim']): [string, string] {
  if (aim === undefined) return ['', ''];
  const measured = aim.of === 'ratio' ? (ratio ?? Number.NaN) : ours;
  if ('atMost' in aim) return [`<= ${aim.atMost}`, measured <= aim.atMost ? 'met' : 'MISSED'];
  return [`>= ${aim.atLeast}`, measured >= aim.atLeast ? 'met' : 'MISSED'];
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
