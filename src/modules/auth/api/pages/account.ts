import { html } from 'hono/html';
import { type Html, page } from './layout.ts';

interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: 'email' | 'password';
  readonly autocomplete: string;
}

/** One page that a link in an e-mail leads to. */
interface AccountPage {
  readonly title: string;
  readonly text: string;
  readonly button: string;
  /** Takes the fields, and the token of the link as `token`, as JSON. */
  readonly endpoint: string;
  readonly fields: readonly Field[];
  readonly needsToken: boolean;
  /** The endpoint wants to know who asks: the fields sign in first. */
  readonly signsIn?: boolean;
  readonly done: string;
}

const EMAIL: Field = { name: 'email', label: 'E-mail address', type: 'email', autocomplete: 'username' };
const CONFIRMATION = { fields: [], needsToken: true };

const CHANGE_EMAIL: AccountPage = {
  ...CONFIRMATION,
  title: 'Use this e-mail address',
  text: 'Confirm that your account should use the address that this e-mail went to.',
  button: 'Use this address',
  endpoint: '/v1/auth/email/confirm',
  done: 'Done. Sign in with this address from now on.',
};

const PAGES = {
  'verify-email': {
    ...CONFIRMATION,
    title: 'Verify your e-mail address',
    text: 'Confirm that you opened an account with the address that this e-mail went to.',
    button: 'This is my address',
    endpoint: '/v1/auth/verify-email',
    done: 'Thank you. The address is verified, and you can sign in.',
  },
  'change-email': CHANGE_EMAIL,
  'undo-email': {
    ...CONFIRMATION,
    title: 'Take the old address back',
    text: 'If it was not you who changed the e-mail address of your account, take the old one back. Everybody is signed out, and you choose a new password.',
    button: 'Take it back',
    endpoint: '/v1/auth/email/undo',
    done: 'The old address is back. Now choose a new password: ask for a link on the page for forgotten passwords.',
  },
  'reset-password': {
    title: 'Choose a new password',
    text: 'At least 8 characters. Length is what counts: a few words in a row are good.',
    button: 'Set the password',
    endpoint: '/v1/auth/password/reset',
    fields: [{ name: 'newPassword', label: 'New password', type: 'password', autocomplete: 'new-password' }],
    needsToken: true,
    done: 'The password is set, and everybody is signed out. Sign in with it.',
  },
  'forgot-password': {
    title: 'Forgotten password',
    text: 'We send you a link to choose a new one, if there is an account with your address.',
    button: 'Send the link',
    endpoint: '/v1/auth/password/forgot',
    fields: [EMAIL],
    needsToken: false,
    done: 'If there is an account with this address, an e-mail is on its way.',
  },
  'link-identity': {
    ...CONFIRMATION,
    title: 'Sign in another way',
    text: 'Confirm that the other account, which the e-mail names, is yours and may open this one from now on.',
    button: 'Yes, both are mine',
    endpoint: '/v1/auth/oidc/link/confirm',
    done: 'Done. Sign in again.',
  },
  'accept-invitation': {
    title: 'Join the workspace',
    text: 'Sign in with the address that the invitation went to. Without an account, open one with it first, and come back to this link.',
    button: 'Sign in and join',
    endpoint: '/v1/invitations/accept',
    fields: [
      EMAIL,
      { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' },
    ],
    needsToken: true,
    signsIn: true,
    done: 'Welcome. The workspace is in your list.',
  },
} as const satisfies Record<string, AccountPage>;

export const ACCOUNT_PAGES = Object.keys(PAGES) as (keyof typeof PAGES)[];

/**
 * The token stands in the fragment of the link, which reaches no server, no log and no Referer; so it takes a script
 * to read it. Nothing happens before the person presses the button: programs that look into e-mails follow links.
 */
export const ACCOUNT_SCRIPT = `'use strict';
(() => {
  const form = document.querySelector('form');
  const button = form.querySelector('button');
  const note = document.getElementById('note');
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  history.replaceState(null, '', location.pathname);
  // Another link opened in this tab changes the fragment only.
  addEventListener('hashchange', () => location.reload());
  const say = (text) => { note.textContent = text; note.hidden = false; };
  const finish = (text) => { form.hidden = true; say(text); };
  const post = (path, body, accessToken) => fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(accessToken ? { authorization: 'Bearer ' + accessToken } : {}) },
    body: body && JSON.stringify(body),
    credentials: 'omit',
  });
  const explain = async (response) => {
    const { title, detail, errors = [] } = await response.json();
    const typed = errors.filter(({ field }) => form.elements.namedItem(field));
    const faults = typed.map(({ field, message }) =>
      form.elements.namedItem(field).labels[0].textContent + ' ' + message + '.');
    say(faults.length > 0 ? faults.join(' ') : [title + '.', ...(detail && detail !== title ? [detail] : [])].join(' '));
  };
  const { endpoint, done, needsToken, signsIn } = form.dataset;
  if (needsToken && !token) {
    finish('This link is not complete. Open it from the e-mail again.');
    return;
  }
  const send = async (fields) => {
    if (!signsIn) {
      const response = await post(endpoint, token ? { ...fields, token } : fields);
      return response.ok ? finish(done) : explain(response);
    }
    const login = await post('/v1/auth/login', fields);
    if (login.status === 202) return say('Your account asks for a second factor: open the invitation in the app.');
    if (!login.ok) return explain(login);
    const { accessToken } = await login.json();
    const response = await post(endpoint, { token }, accessToken);
    if (response.ok) finish(done);
    else await explain(response);
    await post('/v1/auth/logout', undefined, accessToken);
  };
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await send(Object.fromEntries(new FormData(form)));
    } catch {
      say('The server cannot be reached. Try again in a moment.');
    }
    button.disabled = false;
  });
})();`;

export function accountPage(name: keyof typeof PAGES): Html {
  const { title, text, button, endpoint, fields, needsToken, done, signsIn }: AccountPage = PAGES[name];
  return page({
    title,
    script: ACCOUNT_SCRIPT,
    body: html`<p>${text}</p>
<noscript><p class="note">This page needs JavaScript to read the link.</p></noscript>
<p id="note" class="note" role="status" hidden></p>
<form data-endpoint="${endpoint}" data-done="${done}" data-needs-token="${needsToken ? 'yes' : ''}" data-signs-in="${signsIn ? 'yes' : ''}">
${fields.map(
  (field) => html`<label for="${field.name}">${field.label}</label>
<input id="${field.name}" name="${field.name}" type="${field.type}" autocomplete="${field.autocomplete}" required>`,
)}
<button>${button}</button>
</form>`,
  });
}
