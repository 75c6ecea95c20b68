import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';

export type Html = ReturnType<typeof html>;

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #4a5560; --paper: #fff; --ground: #f2f4f6; --line: #c4cbd3; --accent: #0b57a4; --warn: #8a4b00; --fault: #a3181f; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; padding: 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 28rem; margin: 4vh auto; padding: 1.5rem; background: var(--paper); border: 1px solid var(--line); border-radius: 12px; overflow-wrap: anywhere; }
h1 { margin: 0 0 1rem; font-size: 1.35rem; line-height: 1.3; } p, ul { margin: 0 0 1rem; } ul { padding-left: 1.25rem; }
label { display: block; margin: 0 0 .25rem; font-weight: 600; }
input { width: 100%; margin: 0 0 1rem; padding: .65rem .75rem; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: 8px; }
button { width: 100%; min-height: 2.75rem; margin: 0 0 .75rem; padding: .5rem 1rem; font: inherit; font-weight: 600; color: #fff; background: var(--accent); border: 2px solid var(--accent); border-radius: 8px; cursor: pointer; }
button.quiet { color: var(--accent); background: transparent; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.soft { color: var(--soft); font-size: .9rem; } .code { font: 1.5rem ui-monospace, monospace; letter-spacing: .1em; text-transform: uppercase; }
.note { padding: .75rem; border-left: 4px solid var(--warn); background: var(--ground); } .fault { border-left-color: var(--fault); }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a5b0bb; --paper: #1c2126; --ground: #14171a; --line: #343b43; --accent: #2876cc; --warn: #d99a3d; --fault: #f0727a; } button.quiet { color: #7db7ff; border-color: #7db7ff; } a { color: #7db7ff; } }
`;

export interface PageOptions {
  readonly title: string;
  readonly body: Html;
  /** Inline script of the page, ours, never with anything of a request in it. */
  readonly script?: string;
}

/** Words on a page of its own: no script unless it is given, nothing from elsewhere. */
export function page({ title, body, script }: PageOptions): Html {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>${title} · AI Cloud Storage</title>
<style>${raw(STYLE)}</style></head>
<body><main>
<h1>${title}</h1>
${body}
</main>${script === undefined ? '' : html`<script>${raw(script)}</script>`}</body></html>`;
}

/**
 * @param formAction where a form may go; some browsers hold the redirect after a form to it too, so that the address
 *   of the client has to be in it
 */
export function pageHeaders(options: { formAction?: readonly string[]; script?: string } = {}) {
  const { formAction = [], script } = options;
  const policy = [
    "default-src 'none'",
    `style-src ${hashSource(STYLE)}`,
    ...(script === undefined ? [] : [`script-src ${hashSource(script)}`, "connect-src 'self'"]),
    `form-action ${["'self'", ...formAction].join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
  };
}

function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** Says what is wrong; read out at once by screen readers. */
export function faultNote(fault: string | undefined): Html | '' {
  return fault === undefined ? '' : html`<p class="note fault" role="alert">${fault}</p>`;
}

export function hiddenFields(fields: Readonly<Record<string, string>>): Html[] {
  return Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
}
