import { createRoute, z } from '@hono/zod-openapi';
import { open } from '../../../core/http/authorize.ts';
import { problems } from '../../../core/http/openapi.ts';
import { throttle } from '../../../core/http/throttle.ts';
import { DEVICE_FORMS_PER_ADDRESS } from '../limits.ts';
import { scopeInWords } from '../models/oauth.ts';
import { formatUserCode, parseUserCode } from '../models/oauth-user-codes.ts';
import type { DeviceStep } from '../service/oauth-devices.ts';
import type { AuthApp } from './app.ts';
import { browserTokenOf, type RefusedSignIn, show, signInStep } from './oauth-browser.ts';
import { formBody, pageForm, refuseForeignForm } from './oauth-forms.ts';
import { consentPage, messagePage, userCodePage } from './pages/consent.ts';
import { signInPage } from './pages/sign-in.ts';

const PATH = '/oauth/device';
const html = (description: string) => ({ description, content: { 'text/html': {} } });

const beginRoute = createRoute({
  method: 'get',
  path: PATH,
  tags: ['oauth'],
  summary: 'Where a person types the code of a device (RFC 8628 3.3)',
  ...open,
  request: { query: z.object({ user_code: z.string().max(100).optional() }) },
  responses: { 200: html('The sign-in form, or the form for the code'), ...problems(400, 503) },
});

const stepRoute = createRoute({
  method: 'post',
  path: PATH,
  tags: ['oauth'],
  summary: 'The forms of the pages before: sign-in, second step, code, answer',
  ...open,
  middleware: throttle(DEVICE_FORMS_PER_ADDRESS),
  request: { body: formBody },
  responses: {
    200: html('The next form'),
    303: { description: 'Signed in; to the form for the code' },
    ...problems(403, 413, 415, 429, 503),
  },
});

export function mountOauthDevice(app: AuthApp): void {
  app.openapi(beginRoute, async (c) => {
    const typed = shownCode(c.req.valid('query').user_code ?? '');
    return reply(await c.get('services').oauth.devices.begin(browserTokenOf(c)), typed);
  });

  app.openapi(stepRoute, async (c) => {
    refuseForeignForm(c.req.raw, c.get('guard').publicOrigin);
    const form = await pageForm(c.req.raw);
    const typed = shownCode(form('user_code'));
    const { devices } = c.get('services').oauth;
    const signedIn = await signInStep(c, form, {
      action: PATH,
      hidden: { user_code: typed },
      next: typed === '' ? PATH : `${PATH}?user_code=${typed}`,
      signInPage: (refused) => reply({ step: 'sign-in' }, typed, refused),
    });
    if (signedIn) return signedIn;
    if (form('step') === 'look-up') return reply(await devices.lookUp(typed, browserTokenOf(c)), typed);
    const answer = { consentToken: form('consent'), approved: form('decision') === 'approve' };
    return reply(await devices.decide(answer, browserTokenOf(c), c.get('caller')), typed);
  });
}

/** What was typed, as codes are written; nothing when it is none. */
function shownCode(typed: string): string {
  const code = parseUserCode(typed);
  return code === undefined ? '' : formatUserCode(code);
}

async function reply(step: DeviceStep, typed: string, refused?: RefusedSignIn): Promise<Response> {
  switch (step.step) {
    case 'sign-in': {
      const why = 'Sign in to connect a device to your account.';
      const page = signInPage({ action: PATH, hidden: { user_code: typed }, why, ...refused });
      return show(page, refused === undefined ? 200 : 401);
    }
    case 'code':
      return show(userCodePage({ action: PATH, typed, ...step }), step.fault === undefined ? 200 : 400);
    case 'consent': {
      const { question } = step;
      const page = consentPage({
        ...question,
        action: PATH,
        hidden: { consent: question.consentToken },
        scopes: question.scopes.map(scopeInWords),
        after: 'Then you can go back to the device.',
      });
      return show(page, 200);
    }
    case 'done':
      return step.approved
        ? show(messagePage({ title: 'Connected', text: 'You can go back to the device.' }), 200)
        : show(messagePage({ title: 'Not connected', text: 'The device was told no.' }), 200);
  }
}
