import { html, raw } from 'hono/html';
import type { DependencyName } from '../core/resilience/dependency.ts';
import type { Readiness } from './readiness.ts';

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
  table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid #d5dae0; vertical-align: top; }
  .good { color: #146c2e; } .poor { color: #8a5a00; } .bad { color: #b3261e; } .note { color: #4a5560; font-size: 14px; }
  @media (prefers-color-scheme: dark) { body { background: #14171a; color: #e6e9ec; } th, td { border-color: #343b43; }
    .good { color: #7fd99a; } .poor { color: #f0c069; } .bad { color: #ff9a91; } .note { color: #a5b0bb; } }
`;
const SECONDS = 10;

const SUMMARY = {
  ready: ['good', 'Everything works.'],
  degraded: ['poor', 'It works, with less than usual.'],
  unavailable: ['bad', 'A part of it does not work.'],
} as const satisfies Record<Readiness['status'], readonly [string, string]>;

const MODULES: Readonly<Record<string, string>> = {
  gateway: 'Gateway',
  auth: 'Signing in and accounts',
  storage: 'Files',
  ai: 'Search and analysis',
};
const STATES = {
  ready: ['good', 'works'],
  degraded: ['poor', 'works, with less'],
  unavailable: ['bad', 'does not answer'],
  misconfigured: ['bad', 'is not set up right'],
} as const;

const DEPENDENCIES: Partial<Record<DependencyName, readonly [name: string, without: string]>> = {
  postgres: ['Database', 'Nothing that needs an account, a file or a search; what was saved stays saved.'],
  s3: ['File contents', 'No uploads and downloads; names, folders, rights and searches go on.'],
  redis: ['Cache', 'All goes on, slower; limits are counted in each place by itself.'],
  sidecar: [
    'Reader and models',
    'Uploads, downloads and search by words go on; new files are read later; no previews.',
  ],
};

/** For people: what works, what does not, and what that means. No script; the page loads itself again. */
export function statusPage({ status, modules, dependencies }: Readiness, at: Date) {
  const [tone, sentence] = SUMMARY[status];
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="${SECONDS}">
<title>Status: AI Cloud Storage</title><style>${raw(STYLE)}</style></head>
<body><main>
<h1>Status</h1>
<p class="${tone}"><strong>${sentence}</strong></p>
<table>
<thead><tr><th>Part</th><th>State</th></tr></thead>
<tbody>${Object.entries(modules).map(
    ([name, state]) =>
      html`<tr><td>${MODULES[name] ?? name}</td><td class="${STATES[state][0]}">${STATES[state][1]}</td></tr>`,
  )}</tbody>
</table>
<h2>What it stands on</h2>
<table>
<thead><tr><th>What</th><th>State</th><th>Answered in</th><th>Without it</th></tr></thead>
<tbody>${joined(dependencies).map(({ name, state, latencyMs }) => {
    const [title, without] = DEPENDENCIES[name] ?? [name, ''];
    return html`<tr><td>${title}</td><td class="${state === 'up' ? 'good' : 'bad'}">${state}</td>
<td>${state === 'up' ? `${Math.round(latencyMs)} ms` : ''}</td><td>${without}</td></tr>`;
  })}</tbody>
</table>
<p class="note">As of ${at.toISOString()}; this page loads itself again every ${SECONDS} seconds. For programs: <a href="/readyz">/readyz</a>.</p>
</main></body></html>`;
}

interface Row {
  readonly name: DependencyName;
  readonly state: 'up' | 'down';
  readonly latencyMs: number;
}

/** Of several modules that stand on the same thing, what the one says that fares worst. */
function joined(dependencies: Readiness['dependencies']): Row[] {
  const rows = new Map<string, Row>();
  for (const found of Object.values(dependencies)) {
    for (const [name, { state, latencyMs }] of Object.entries(found)) {
      const known = rows.get(name);
      const isWorse =
        known === undefined || (known.state === 'up' && (state === 'down' || latencyMs > known.latencyMs));
      if (isDependency(name) && isWorse) rows.set(name, { name, state, latencyMs });
    }
  }
  return [...rows.values()];
}

function isDependency(name: string): name is DependencyName {
  return name in DEPENDENCIES;
}
