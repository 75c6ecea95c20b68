import { html } from 'hono/html';
import { faultNote, type Html, hiddenFields, page } from './layout.ts';

export interface ConsentForm {
  readonly action: string;
  readonly hidden: Readonly<Record<string, string>>;
  readonly clientName: string;
  readonly selfRegistered: boolean;
  /** In words. */
  readonly scopes: readonly string[];
  readonly days: number;
  readonly email: string | null;
  /** What happens after a yes. */
  readonly after: string;
  /** Shown on the device too. */
  readonly userCode?: string | undefined;
}

export function consentPage(form: ConsentForm): Html {
  const { action, hidden, clientName, selfRegistered, scopes, days, email, after, userCode } = form;
  return page({
    title: `Let ${clientName} in?`,
    body: html`<p>The program that calls itself <strong>${clientName}</strong> asks to act in your name${email === null ? '' : html`, <strong>${email}</strong>`}.</p>
${
  userCode === undefined
    ? ''
    : html`<p>The device must show this code now: <strong class="code">${userCode}</strong></p>
<p class="note">Say yes only if you started this yourself, on a device that you have in hand. Whoever sent you a code wants into your account.</p>`
}
${
  selfRegistered
    ? html`<p class="note">This program registered itself. Nobody here has checked who made it, and the name is its own choice.</p>`
    : ''
}
<p>It will be able to:</p>
<ul>${scopes.map((scope) => html`<li>${scope}</li>`)}</ul>
<p>This lasts for at most ${days} ${days === 1 ? 'day' : 'days'}, or until you end it in the list of connected programs. ${after}</p>
<form method="post" action="${action}">
${hiddenFields({ ...hidden, step: 'decide' })}
<button name="decision" value="approve">Yes, let it in</button>
<button name="decision" value="deny" class="quiet">No</button>
</form>
<form method="post" action="${action}">
${hiddenFields({ ...hidden, step: 'sign-out' })}
<button class="quiet">Use another account</button>
</form>`,
  });
}

export function userCodePage(form: {
  readonly action: string;
  readonly typed: string;
  readonly email: string | null;
  readonly fault?: string | undefined;
}): Html {
  return page({
    title: 'Connect a device',
    body: html`<p>Type the code that the device shows${form.email === null ? '' : html`. You are signed in as <strong>${form.email}</strong>`}.</p>
${faultNote(form.fault)}
<form method="post" action="${form.action}">
${hiddenFields({ step: 'look-up' })}
<label for="user_code">Code</label>
<input id="user_code" name="user_code" class="code" value="${form.typed}" placeholder="XXXX-XXXX" autocomplete="off" autocapitalize="characters" spellcheck="false" required maxlength="20" autofocus>
<button>Continue</button>
</form>`,
  });
}

export function messagePage({ title, text }: { readonly title: string; readonly text: string }): Html {
  return page({ title, body: html`<p role="status">${text}</p>` });
}
