import type { RateLimit } from '../../core/cache/rate-limiter.ts';

// Wide enough for a family or an office behind one address. RATE_LIMIT_SCALE widens all of them.

/** Calls of one address to register, whatever comes of them. */
export const REGISTER_PER_ADDRESS: RateLimit = { name: 'register', limit: 20, seconds: 3_600 };
/** Calls of one address to sign in, whatever comes of them. */
export const LOGIN_PER_ADDRESS: RateLimit = { name: 'login', limit: 300, seconds: 600 };
export const REFRESH_PER_ADDRESS: RateLimit = { name: 'refresh', limit: 600, seconds: 60 };
/** Calls of one address that may send an e-mail to somebody: forgotten passwords, links to verify. */
export const EMAILS_PER_ADDRESS: RateLimit = { name: 'emails', limit: 20, seconds: 3_600 };
/** Calls of one address with a link, a code or a second factor to try. */
export const CODES_PER_ADDRESS: RateLimit = { name: 'codes', limit: 60, seconds: 600 };

/** Failed sign-ins of one address, whichever the accounts. */
export const LOGIN_FAILURES_PER_ADDRESS: RateLimit = {
  name: 'login-failures-of-address',
  limit: 100,
  seconds: 600,
};
/** Failed sign-ins at one account from addresses in networks that it never signed in from. */
export const LOGIN_FAILURES_PER_ACCOUNT: RateLimit = {
  name: 'login-failures-of-account',
  limit: 100,
  seconds: 900,
};

/** Failed sign-ins at one account from one address: the more there were, the longer the wait. */
export function loginFailuresOfPair(failures: number): readonly RateLimit[] {
  return [
    { name: 'login-failures', limit: failures, seconds: 60 },
    { name: 'login-failures-15m', limit: 2 * failures, seconds: 900 },
    { name: 'login-failures-2h', limit: 4 * failures, seconds: 7_200 },
  ];
}

/** E-mails to one address that nobody proved to be theirs in the call; beyond it the answer is the same. */
/** Links to set a new password, apart from other mails: nobody stops them by asking for those. */
export const RESETS_PER_RECIPIENT: RateLimit = { name: 'resets-to-recipient', limit: 5, seconds: 3_600 };
export const EMAILS_PER_RECIPIENT: RateLimit = { name: 'emails-to-recipient', limit: 5, seconds: 3_600 };
/** Requests of a signed-in user for links to verify or to change their address. */
export const LINKS_PER_USER: RateLimit = { name: 'links-of-user', limit: 5, seconds: 3_600 };
/** Wrong current passwords of a signed-in user. */
export const WRONG_PASSWORDS_PER_USER: RateLimit = { name: 'wrong-passwords', limit: 5, seconds: 900 };

/** Wrong codes of the authenticator app of one user: by guessing, 50 a day are one chance in 15,000. */
export const TOTP_PER_USER: RateLimit = { name: 'second-factor', limit: 10, seconds: 900 };
export const TOTP_PER_USER_DAY: RateLimit = { name: 'second-factor-day', limit: 50, seconds: 86_400 };
/** Sign-in pages of one address that offer passkeys. */
export const PASSKEY_OPTIONS_PER_ADDRESS: RateLimit = { name: 'passkey-options', limit: 300, seconds: 600 };

/** Programs that one address registers as OAuth clients. */
export const OAUTH_REGISTRATIONS_PER_ADDRESS: RateLimit = {
  name: 'oauth-registrations',
  limit: 20,
  seconds: 3_600,
};
/** Calls of OAuth clients at one address: tokens, polls of devices, revocations. */
export const OAUTH_CALLS_PER_ADDRESS: RateLimit = { name: 'oauth-calls', limit: 600, seconds: 60 };
/** Forms of one address on the page where codes of devices are typed; a sign-in has 5 guesses besides. */
export const DEVICE_FORMS_PER_ADDRESS: RateLimit = { name: 'device-forms', limit: 60, seconds: 600 };

/** Workspaces that one user opens. */
export const WORKSPACES_PER_USER: RateLimit = { name: 'workspaces', limit: 20, seconds: 3_600 };
/** Invitations that one user sends, and that one address gets from anybody. */
export const INVITATIONS_PER_USER: RateLimit = { name: 'invitations', limit: 50, seconds: 3_600 };
export const INVITATIONS_PER_RECIPIENT: RateLimit = {
  name: 'invitations-to-recipient',
  limit: 10,
  seconds: 86_400,
};
