import { html, raw } from 'hono/html';
import type { Contract, Operation } from './contract.ts';

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
  h2 { margin-top: 2.5rem; text-transform: capitalize; }
  article { border: 1px solid #d5dae0; border-radius: 8px; padding: .75rem 1rem; margin: .75rem 0; }
  code { font: 14px ui-monospace, monospace; } .method { font-weight: 700; margin-right: .5rem; }
  p { margin: .25rem 0; } dl { display: grid; grid-template-columns: 4rem 1fr; margin: .5rem 0 0; font-size: 14px; }
  dt { font-family: ui-monospace, monospace; } dd { margin: 0; color: #4a5560; }
  @media (prefers-color-scheme: dark) { body { background: #14171a; color: #e6e9ec; } article { border-color: #343b43; } dd { color: #a5b0bb; } a { color: #7db7ff; } }
`;

/** The contract for people: no script, nothing from elsewhere. */
export function docsPage(contract: Contract) {
  const operations = Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? 'other'))];
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${contract.info.title}: API</title>
<style>${raw(STYLE)}</style></head>
<body><main>
<h1>${contract.info.title}</h1>
<p>${contract.info.description ?? ''}</p>
<p>Machine-readable: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1). Errors are problem documents (RFC 9457) with a stable <code>code</code>.</p>
${tags.map(
  (tag) => html`<section><h2>${tag}</h2>
${operations.filter(({ operation }) => (operation.tags?.[0] ?? 'other') === tag).map(operationArticle)}</section>`,
)}
</main></body></html>`;
}

function operationArticle({
  path,
  method,
  operation,
}: {
  path: string;
  method: string;
  operation: Operation;
}) {
  const parameters = (operation.parameters ?? [])
    .map(({ name, required }) => (required ? name : `${name}?`))
    .join(', ');
  return html`<article>
<p><code><span class="method">${method.toUpperCase()}</span>${path}</code></p>
<p>${operation.summary ?? ''}${operation.security ? ' (access token)' : ''}</p>
${parameters ? html`<p>Parameters: <code>${parameters}</code></p>` : ''}
<dl>${Object.entries(operation.responses ?? {}).map(([status, { description }]) => html`<dt>${status}</dt><dd>${description ?? ''}</dd>`)}</dl>
</article>`;
}
