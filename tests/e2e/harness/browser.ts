import type { Client } from './client.ts';
import { textOf } from './client.ts';
import type { Answer } from './guarantees.ts';

/** As much of a browser as pages without script need: cookies, redirects within the site, forms. */
export interface Browser {
  readonly cookies: ReadonlyMap<string, string>;
  get(path: string): Promise<Answer>;
  /** Fills in the form whose hidden `step` is the one of `values`, and sends it. */
  submit(page: Answer, values: Readonly<Record<string, string>> & { readonly step: string }): Promise<Answer>;
}

/** What a browser sends with a form under `Referrer-Policy: no-referrer`. */
const OWN_FORM = { origin: 'null', 'sec-fetch-site': 'same-origin' };

export function createBrowser(api: Client): Browser {
  const cookies = new Map<string, string>();

  const keep = (line: string) => {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (/max-age=0/i.test(line)) cookies.delete(name);
    else cookies.set(name, value);
  };

  async function send(method: string, path: string, form?: Record<string, string>): Promise<Answer> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers: Record<string, string> = {
      ...(cookie === '' ? {} : { cookie }),
      ...(form ? { ...OWN_FORM, 'content-type': 'application/x-www-form-urlencoded' } : {}),
    };
    const answer = await api.call(method, path, {
      headers,
      token: null,
      ...(form ? { body: new URLSearchParams(form).toString() } : {}),
    });
    for (const line of answer.headers.getSetCookie()) keep(line);
    const location = answer.headers.get('location');
    if (location === null) return answer;
    const target = new URL(location, api.url);
    return target.origin === new URL(api.url).origin ? send('GET', target.pathname + target.search) : answer;
  }

  return {
    cookies,
    get: (path) => send('GET', path),
    async submit(page, values) {
      const forms = [...textOf(page).matchAll(/<form method="post" action="([^"]+)">(.*?)<\/form>/gs)];
      const form = forms.find(([, , inside]) => hiddenFields(inside ?? '').step === values.step);
      if (form === undefined)
        throw new Error(`no form for ${values.step}: ${page.status} ${textOf(page).slice(-1_500)}`);
      return send('POST', form[1] ?? '', { ...hiddenFields(form[2] ?? ''), ...values });
    },
  };
}

/** Opens a page of the authorisation server and signs in if it asks for that. */
export async function openSignedIn(
  browser: Browser,
  path: string,
  { email, password }: { readonly email: string; readonly password: string },
): Promise<Answer> {
  const page = await browser.get(path);
  return textOf(page).includes('current-password')
    ? browser.submit(page, { step: 'sign-in', email, password })
    : page;
}

function hiddenFields(inside: string): Record<string, string> {
  const fields = [...inside.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
  return Object.fromEntries(fields.map(([, name = '', value = '']) => [name, unescapeHtml(value)]));
}

function unescapeHtml(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}
