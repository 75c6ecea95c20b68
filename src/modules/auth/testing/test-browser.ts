import type { Answer, CallOptions, TestSystem } from './test-system.ts';

/** As much of a browser as pages without script need: it keeps cookies, follows our own redirects, fills forms. */
export interface TestBrowser {
  readonly cookies: Map<string, string>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /**
   * Fills the form whose hidden `step` is the one in `values` and sends it the way a browser does under
   * `Referrer-Policy: no-referrer`.
   */
  submit(
    page: Answer,
    values: Readonly<Record<string, string>> & { readonly step: string },
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
}

const SAME_ORIGIN = { origin: 'null', 'sec-fetch-site': 'same-origin' };

export function createTestBrowser(system: TestSystem): TestBrowser {
  const cookies = new Map<string, string>();
  const { origin } = new URL(system.env.AUTH_ISSUER ?? '');

  async function send(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(cookie === '' ? {} : { cookie }), ...options.headers };
    const answer = await system.call(method, path, { ...options, headers });
    for (const line of answer.headers.getSetCookie()) keep(line);
    const location = answer.headers.get('location');
    if (location === null) return answer;
    const target = new URL(location, origin);
    return target.origin === origin ? send('GET', `${target.pathname}${target.search}`) : answer;
  }

  function keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (/max-age=0/i.test(line)) cookies.delete(name);
    else cookies.set(name, value);
  }

  return {
    cookies,
    get: (path, headers = {}) => send('GET', path, { headers }),
    async submit(page, values, headers = SAME_ORIGIN) {
      const forms = [...String(page.body).matchAll(/<form method="post" action="([^"]+)">(.*?)<\/form>/gs)];
      const form = forms.find(([, , inside]) => hiddenFields(inside).step === values.step);
      if (form === undefined) throw new Error(`no form for ${values.step} in ${page.status} ${page.body}`);
      return send('POST', form[1] ?? '', { form: { ...hiddenFields(form[2]), ...values }, headers });
    },
  };
}

export function hiddenFields(inside: string | undefined): Record<string, string> {
  const fields = [...(inside ?? '').matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
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
