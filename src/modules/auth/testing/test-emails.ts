import type { SentEmail, TestSystem } from './test-system.ts';

/** E-mails that this person got, the oldest first. */
export async function emailsTo(system: TestSystem, address: string): Promise<readonly SentEmail[]> {
  await system.settled();
  return system.emails.filter(({ to }) => to.includes(address));
}

/** The token of the newest link `/account/<action>#token=…` that this person got. */
export async function tokenSentTo(system: TestSystem, address: string, action: string): Promise<string> {
  const pattern = new RegExp(`/account/${action}#token=([A-Za-z0-9_-]{43})`);
  const tokens = (await emailsTo(system, address)).flatMap(({ text }) => pattern.exec(text)?.[1] ?? []);
  const newest = tokens.at(-1);
  if (newest === undefined) throw new Error(`no link to ${action} was sent to ${address}`);
  return newest;
}

export function newAddress(domain = 'example.com'): string {
  return `${crypto.randomUUID()}@${domain}`;
}

export function newPassword(): string {
  return `unguessable ${crypto.randomUUID()}`;
}
