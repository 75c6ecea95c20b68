import type { UserRecord } from '../ports/users.ts';
import type { Emails } from './emails.ts';

/** Tells a person by e-mail that something about the ways into their account changed (OWASP ASVS 6.3.7). */
export type NotifyUser = (userId: string, what: string) => Promise<void>;

export function createNotifyUser(dependencies: {
  readonly findUser: (id: string) => Promise<UserRecord | undefined>;
  readonly emails: Emails;
}): NotifyUser {
  return async (userId, what) => {
    const user = await dependencies.findUser(userId);
    if (user?.email) await dependencies.emails.send(user.email, { template: 'security-notice', what });
  };
}
