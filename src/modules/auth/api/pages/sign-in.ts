import { html, raw } from 'hono/html';
import { faultNote, type Html, hiddenFields, page } from './layout.ts';

interface SignInForm {
  /** Path that the form goes to. */
  readonly action: string;
  /** What the page after has to know. */
  readonly hidden: Readonly<Record<string, string>>;
  readonly fault?: string | undefined;
}

export function signInPage({
  action,
  hidden,
  fault,
  why,
  email = '',
}: SignInForm & {
  readonly why: string;
  /** What was typed before the fault. */
  readonly email?: string | undefined;
}): Html {
  return page({
    title: 'Sign in',
    body: html`<p>${why}</p>
${faultNote(fault)}
<form method="post" action="${action}">
${hiddenFields({ ...hidden, step: 'sign-in' })}
<label for="email">E-mail address</label>
<input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value="${email}"${email === '' ? raw(' autofocus') : ''}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024"${email === '' ? '' : raw(' autofocus')}>
<button>Sign in</button>
</form>
<form method="post" action="${action}">
${hiddenFields({ ...hidden, step: 'continue' })}
<button class="quiet">Go on as whoever is signed in to the app</button>
</form>
<p class="soft">Your password goes to AI Cloud Storage and to nobody else.</p>`,
  });
}

export function secondFactorPage({
  action,
  hidden,
  fault,
  mfaToken,
}: SignInForm & { readonly mfaToken: string }): Html {
  return page({
    title: 'Second step',
    body: html`<p>Type the code that your authenticator app shows, or one of your recovery codes.</p>
${faultNote(fault)}
<form method="post" action="${action}">
${hiddenFields({ ...hidden, step: 'second-factor', mfaToken })}
<label for="code">Code</label>
<input id="code" name="code" class="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required maxlength="64" autofocus>
<button>Continue</button>
</form>`,
  });
}
