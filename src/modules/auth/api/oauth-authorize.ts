import { createRoute } from '@hono/zod-openapi';
import { open } from '../../../core/http/authorize.ts';
import { problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { LOGIN_PER_ADDRESS } from '../limits.ts';
import { scopeInWords } from '../models/oauth.ts';
import type { AuthorizeStep } from '../service/oauth-authorize.ts';
import type { AuthApp } from './app.ts';
import { browserTokenOf, type RefusedSignIn, sendTo, show, signInStep } from './oauth-browser.ts';
import { formBody, pageForm, refuseForeignForm } from './oauth-forms.ts';
import { consentPage, messagePage } from './pages/consent.ts';
import { signInPage } from './pages/sign-in.ts';

const PATH = '/oauth/authorize';
const html = (description: string) => ({ description, content: { 'text/html': {} } });

const beginRoute = createRoute({
  method: 'get',
  path: PATH,
  tags: ['oauth'],
  summary: 'Where a program sends the browser to ask for access (RFC 6749 4.1.1, RFC 7636)',
  ...open,
  responses: {
    200: html('The sign-in form, or the question'),
    303: { description: 'Back to the program, with an error' },
    400: html('The program or its address is not known here'),
    ...problems(503),
  },
});

const stepRoute = createRoute({
  method: 'post',
  path: PATH,
  tags: ['oauth'],
  summary: 'The forms of the pages before: sign-in, second step, answer',
  ...open,
  middleware: throttle(LOGIN_PER_ADDRESS),
  request: { body: formBody },
  responses: {
    200: html('The next form'),
    303: { description: 'Back to the program with a code or a refusal, or to the question' },
    400: html('The question is too old'),
    ...problems(403, 413, 415, 429, 503),
  },
});

export function mountOauthAuthorize(app: AuthApp): void {
  app.openapi(beginRoute, async (c) => {
    const query = new URL(c.req.url).search.slice(1);
    return reply(await c.get('services').oauth.authorize.begin(query, browserTokenOf(c)), query);
  });

  app.openapi(stepRoute, async (c) => {
    refuseForeignForm(c.req.raw, c.get('guard').publicOrigin);
    const form = await pageForm(c.req.raw);
    const query = new URLSearchParams(form('request')).toString();
    const { authorize } = c.get('services').oauth;
    const signedIn = await signInStep(c, form, {
      action: PATH,
      hidden: { request: query },
      next: `${PATH}?${query}`,
      signInPage: async (refused) => reply(await authorize.begin(query, undefined), query, refused),
    });
    if (signedIn) return signedIn;
    const answer = { consentToken: form('consent'), approved: form('decision') === 'approve' };
    return reply(await authorize.decide(answer, browserTokenOf(c), c.get('caller')), query);
  });
}

async function reply(step: AuthorizeStep, query: string, refused?: RefusedSignIn): Promise<Response> {
  switch (step.step) {
    case 'refused':
      return show(messagePage({ title: 'This does not work', text: step.reason }), 400);
    case 'redirect':
      return sendTo(step.location);
    case 'sign-in': {
      const why = `Sign in to decide whether ${step.clientName} may act in your name.`;
      const page = signInPage({ action: PATH, hidden: { request: query }, why, ...refused });
      return show(page, refused === undefined ? 200 : 401);
    }
    case 'consent': {
      const { question } = step;
      const page = consentPage({
        ...question,
        action: PATH,
        hidden: { request: query, consent: question.consentToken },
        scopes: question.scopes.map(scopeInWords),
        after: `Then you are sent to ${question.target}.`,
      });
      return show(page, 200, { formAction: [question.formActionSource] });
    }
  }
}
