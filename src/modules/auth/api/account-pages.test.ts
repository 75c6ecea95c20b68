import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestSystem, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const PAGES = [
  'verify-email',
  'change-email',
  'undo-email',
  'reset-password',
  'forgot-password',
  'link-identity',
  'accept-invitation',
];

interface Element {
  hidden: boolean;
  textContent: string;
  disabled: boolean;
  dataset: Record<string, string>;
  submit: (event: { preventDefault(): void }) => Promise<void>;
}

/** Runs the script of a page in as much of a browser as it needs, against the module. */
async function open(path: string, hash: string, fields: Record<string, string> = {}) {
  const page = await system.call('GET', path);
  const [, script = ''] = /<script>(.*)<\/script>/s.exec(page.body) ?? [];
  const attributes = [...page.body.matchAll(/data-([a-z-]+)="([^"]*)"/g)].map(([, name, value]) => [
    String(name).replaceAll(/-(.)/g, (_, letter) => String(letter).toUpperCase()),
    value,
  ]);
  const element = (): Element => ({
    hidden: false,
    textContent: '',
    disabled: false,
    dataset: Object.fromEntries(attributes),
    submit: async () => {},
  });
  const [form, note, button] = [element(), element(), element()];
  const history: string[] = [];
  const elements = {
    namedItem: (name: string) => (Object.hasOwn(fields, name) ? { labels: [{ textContent: name }] } : null),
  };
  runInNewContext(script, {
    document: {
      querySelector: () => ({ ...form, elements, querySelector: () => button, addEventListener }),
      getElementById: () => note,
    },
    location: { hash, pathname: path },
    addEventListener: () => {},
    history: { replaceState: (_state: unknown, _title: string, url: string) => history.push(url) },
    URLSearchParams,
    FormData: class {
      *[Symbol.iterator]() {
        yield* Object.entries(fields);
      }
    },
    Object,
    fetch: async (url: string, init: { method: string; body?: string; headers: Record<string, string> }) => {
      const json = init.body === undefined ? undefined : JSON.parse(init.body);
      const answer = await system.call(init.method, url, { json, headers: init.headers });
      const ok = answer.status < 300;
      return { ok, status: answer.status, json: async () => answer.body };
    },
  });
  function addEventListener(_name: string, listener: Element['submit']) {
    form.submit = listener;
  }
  return { page, note, button, history, submit: () => form.submit({ preventDefault: () => {} }) };
}

test.each(PAGES)('%s runs one script, ours, and sends its form nowhere without it', async (name) => {
  const { status, headers, body } = await system.call('GET', `/account/${name}`);
  expect(status).toBe(200);
  expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
  const scripts = [...body.matchAll(/<script>(.*?)<\/script>/gs)];
  expect(scripts).toHaveLength(1);
  const hash = createHash('sha256')
    .update(scripts[0]?.[1] ?? '')
    .digest('base64');
  const policy = headers.get('content-security-policy') ?? '';
  expect(policy).toContain(`script-src 'sha256-${hash}'`);
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
  expect(headers.get('cache-control')).toBe('no-store');
});

test.each(['nothing', '..%2f..', 'verify-email/x', '__proto__'])('there is no page %s', async (name) => {
  expect((await system.call('GET', `/account/${name}`)).status).toBeGreaterThanOrEqual(400);
});

test('a link without its token does nothing and says so', async () => {
  const { note } = await open('/account/verify-email', '');
  expect(note.textContent).toContain('not complete');
});

test('a forgotten password is set anew by the link in the e-mail, whose token leaves the address bar', async () => {
  const person = await system.register();
  const asking = await open('/account/forgot-password', '', { email: person.email });
  await asking.submit();
  expect(asking.note.textContent).toContain('on its way');
  await system.settled();
  await system.runCron();
  const mail = system.emails.findLast(({ to }) => to.includes(person.email))?.text ?? '';
  const [, path = '', hash = ''] =
    /https:\/\/api\.test(\/account\/reset-password)(#token=[\w-]+)/.exec(mail) ?? [];

  const weak = await open(path, hash, { newPassword: 'short' });
  expect(weak.history).toEqual([path]);
  await weak.submit();
  expect(weak.note.textContent).toContain('at least 8');
  expect(weak.button.disabled).toBe(false);

  const newPassword = `quite new ${crypto.randomUUID()}`;
  const setting = await open(path, hash, { newPassword });
  await setting.submit();
  expect(setting.note.textContent).toContain('The password is set');
  const login = await system.call('POST', '/v1/auth/login', {
    json: { email: person.email, password: newPassword },
  });
  expect(login.status).toBe(200);

  const again = await open(path, hash, { newPassword });
  await again.submit();
  expect(again.note.textContent).toContain('not valid');
});

test.each(['verify-email', 'change-email', 'undo-email', 'link-identity'])(
  'the page %s asks an endpoint that there is',
  async (name) => {
    const page = await open(`/account/${name}`, '#token=unknown');
    await page.submit();
    expect(page.note.textContent).toContain('not valid');
  },
);

test('an invitation that is none is refused after the sign-in, and the session it took is over', async () => {
  const person = await system.register();
  const page = await open('/account/accept-invitation', '#token=unknown', {
    email: person.email,
    password: person.password,
  });
  await page.submit();
  expect(page.note.textContent).not.toBe('');
  const { items } = (await person.call('GET', '/v1/auth/sessions')).body;
  expect(items).toHaveLength(1);
});
