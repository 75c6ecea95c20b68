import { createRoute, z } from '@hono/zod-openapi';
import { open } from '../../../core/http/authorize.ts';
import { problems } from '../../../core/http/openapi.ts';
import type { AuthApp } from './app.ts';
import { show } from './oauth-browser.ts';
import { ACCOUNT_PAGES, ACCOUNT_SCRIPT, accountPage } from './pages/account.ts';

const pageRoute = createRoute({
  method: 'get',
  path: '/account/{page}',
  tags: ['auth'],
  summary: 'Where links in e-mails lead: a form for the call that the link is about',
  ...open,
  request: { params: z.object({ page: z.enum(ACCOUNT_PAGES) }) },
  responses: { 200: { description: 'The form', content: { 'text/html': {} } }, ...problems(400) },
});

export function mountAccountPages(app: AuthApp): void {
  app.openapi(pageRoute, (c) =>
    show(accountPage(c.req.valid('param').page), 200, { script: ACCOUNT_SCRIPT }),
  );
}
