import { authError } from '../errors.ts';
import type { EffectivePolicy } from '../models/policies.ts';
import type { BreachedPasswords, CommonPasswords } from '../ports/accounts.ts';

/** What a password must not be made of. */
export interface PasswordContext {
  readonly email: string | null;
  readonly name: string | null;
}

/**
 * What a new password has to be, wherever it is set: length by policy, none of the common ones, not made of the words
 * around it, none known from a breach (NIST SP 800-63B 3.1.1.2, OWASP ASVS 6.2). 8 to 128 characters is checked
 * before, by the schema.
 *
 * @throws AppError `password_too_short`, `password_too_common` or `password_breached`
 */
export type CheckNewPassword = (
  password: string,
  policy: Pick<EffectivePolicy, 'passwordMinLength'>,
  context: PasswordContext,
) => Promise<void>;

/** Words of the product; the deployment's own host name comes to them. */
const SERVICE_WORDS = ['ai cloud storage', 'cloud storage', 'cloud', 'storage'];
/** A word of fewer characters is part of many a good password. */
const MIN_WORD = 4;
/** So much of a password has to be its own, besides words and trailing digits. */
const MIN_REST = 4;
/** As many as a date has. */
const TRAILING_DIGITS = /\p{N}{1,8}$/u;

export function createCheckNewPassword(dependencies: {
  readonly common: CommonPasswords;
  readonly breached: BreachedPasswords | undefined;
  /** Public host name of the deployment. */
  readonly host: string;
}): CheckNewPassword {
  const { common, breached, host } = dependencies;
  return async (password, { passwordMinLength }, context) => {
    if ([...password].length < passwordMinLength)
      throw authError('password_too_short', { detail: `Use at least ${passwordMinLength} characters.` });
    if (await common.has(password))
      throw authError('password_too_common', { detail: 'It is one of those that are tried first.' });
    if (isMadeOf(password, wordsOf([...SERVICE_WORDS, ...host.split('.')], context)))
      throw authError('password_too_common', {
        detail: 'It is made of your name, your e-mail address or the name of this service.',
      });
    if (await breached?.has(password))
      throw authError('password_breached', {
        detail: 'It is in a published list of stolen passwords. Use another one, and not there either.',
      });
  };
}

/** Letters and digits in lower case; compatible forms are one here, because this is not about equality. */
const fold = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');

/** Whole ones and their parts, the longest first, so that a part does not break up the whole. */
function wordsOf(service: readonly string[], { email, name }: PasswordContext): readonly string[] {
  const [local = '', domain = ''] = (email ?? '').split('@');
  const labels = domain.split('.').slice(0, -1);
  const whole = [...service, local, domain, ...labels, name ?? ''];
  const parts = [local, ...labels, name ?? ''].flatMap((text) => text.split(/[^\p{L}\p{N}]+/u));
  const words = new Set([...whole, ...parts].map(fold).filter(({ length }) => length >= MIN_WORD));
  return [...words].toSorted((a, b) => b.length - a.length);
}

function isMadeOf(password: string, words: readonly string[]): boolean {
  const folded = fold(password);
  const rest = words.reduce((text, word) => text.replaceAll(word, ''), folded);
  return rest !== folded && rest.replace(TRAILING_DIGITS, '').length < MIN_REST;
}
