import type { Context } from 'hono';
import { AppError } from '../../../core/http/app-error.ts';
import { ACCESS_COOKIE, cookieOf } from '../../../core/http/authorize.ts';
import { authError } from '../errors.ts';
import { loginSchema } from '../models/sign-in.ts';
import { BROWSER_SECONDS } from '../service/oauth-browser.ts';
import type { AuthVariables } from './app.ts';
import { type Html, pageHeaders } from './pages/layout.ts';
import { secondFactorPage } from './pages/sign-in.ts';

export type PageContext = Context<{ Bindings: object; Variables: AuthVariables }>;

/** Lax: the browser has to bring it along when a program sends it here. */
const COOKIE = '__Host-acs-browser';
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax';
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export function browserTokenOf(c: PageContext): string | undefined {
  const value = cookieOf(c.req.raw, COOKIE);
  return value !== undefined && TOKEN.test(value) ? value : undefined;
}

export async function show(
  content: Html,
  status: number,
  options: {
    formAction?: readonly string[];
    script?: string;
    headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<Response> {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    ...pageHeaders(options),
    ...options.headers,
  };
  return new Response(String(await content), { status, headers });
}

/** 303: whatever the form was, the next request is a GET (RFC 9700 4.12). */
export function sendTo(location: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, {
    status: 303,
    headers: { ...pageHeaders(), location, ...headers },
  });
}

export interface SignInFrame {
  /** Path of the form. */
  readonly action: string;
  readonly hidden: Readonly<Record<string, string>>;
  /** Where somebody who is signed in goes on. */
  readonly next: string;
  /** The first form again. */
  readonly signInPage: (refused: RefusedSignIn) => Promise<Response>;
}

export interface RefusedSignIn {
  readonly fault: string;
  /** As it was typed, so that it need not be typed again. */
  readonly email: string;
}

/** The form posts that every page with a sign-in has; undefined for other steps. */
export async function signInStep(
  c: PageContext,
  form: (name: string) => string,
  frame: SignInFrame,
): Promise<Response | undefined> {
  const { browser } = c.get('services').oauth;
  switch (form('step')) {
    case 'sign-in': {
      const email = form('email').trim();
      try {
        const typed = loginSchema.safeParse({ email, password: form('password') });
        if (!typed.success) throw authError('invalid_credentials');
        return await afterFactor(await browser.signIn(typed.data, c.get('caller')), frame);
      } catch (error) {
        return frame.signInPage({ fault: faultOf(error), email });
      }
    }
    case 'continue': {
      try {
        const accessToken = cookieOf(c.req.raw, ACCESS_COOKIE);
        return await afterFactor(await browser.adopt(accessToken, c.get('caller')), frame);
      } catch (error) {
        return frame.signInPage({ fault: faultOf(error), email: '' });
      }
    }
    case 'second-factor': {
      const mfaToken = form('mfaToken');
      try {
        const factor = { mfaToken, code: form('code').trim() };
        return await afterFactor(await browser.secondFactor(factor, c.get('caller')), frame);
      } catch (error) {
        return show(secondFactorPage({ ...frame, mfaToken, fault: faultOf(error) }), statusOf(error));
      }
    }
    case 'sign-out':
      await browser.signOut(browserTokenOf(c));
      return sendTo(frame.next, { 'set-cookie': `${COOKIE}=; ${ATTRIBUTES}; Max-Age=0` });
    default:
      return undefined;
  }
}

type Outcome = Awaited<ReturnType<AuthVariables['services']['oauth']['browser']['signIn']>>;

async function afterFactor(outcome: Outcome, frame: SignInFrame): Promise<Response> {
  if (!outcome.done) return show(secondFactorPage({ ...frame, mfaToken: outcome.challenge.mfaToken }), 200);
  const cookie = `${COOKIE}=${outcome.browserToken}; ${ATTRIBUTES}; Max-Age=${BROWSER_SECONDS}`;
  return sendTo(frame.next, { 'set-cookie': cookie });
}

/** What the person may read of a refusal. @throws what is no refusal */
function faultOf(error: unknown): string {
  if (!(error instanceof AppError) || error.definition.status >= 500) throw error;
  const { detail } = error.options;
  return detail === undefined ? `${error.definition.title}.` : `${error.definition.title}. ${detail}`;
}

function statusOf(error: unknown): number {
  return error instanceof AppError ? error.definition.status : 400;
}
