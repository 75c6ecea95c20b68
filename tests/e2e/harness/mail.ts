import { z } from 'zod';
import type { Installation } from './global-setup.ts';
import { until } from './until.ts';

const messagesSchema = z.object({
  messages: z.array(
    z.looseObject({ to: z.array(z.string()), subject: z.string(), text: z.string(), html: z.string() }),
  ),
});
export type Email = z.infer<typeof messagesSchema>['messages'][number];

/** E-mails that this address got, the newest first. */
export async function emailsTo(
  { mailUrl }: Pick<Installation, 'mailUrl'>,
  address: string,
): Promise<Email[]> {
  const response = await fetch(`${mailUrl}messages?to=${encodeURIComponent(address)}`);
  return messagesSchema.parse(await response.json()).messages;
}

/** Waits for an e-mail that leads to `/account/<page>`, and returns the token of its newest link. */
export async function tokenSentTo(
  installation: Pick<Installation, 'mailUrl'>,
  address: string,
  page: string,
): Promise<string> {
  const link = new RegExp(`/account/${page}#token=([\\w-]{43})`);
  const found = await until(
    async () => (await emailsTo(installation, address)).map(({ text }) => link.exec(text)?.[1]),
    (tokens) => tokens.some((token) => token !== undefined),
    { withinMs: 20_000, what: `a link to ${page} for ${address}` },
  );
  return found.find((token) => token !== undefined) ?? '';
}

/** Waits for the subjects of an address to be these, the newest first. */
export async function subjectsTo(
  installation: Pick<Installation, 'mailUrl'>,
  address: string,
  count: number,
): Promise<string[]> {
  const emails = await until(
    () => emailsTo(installation, address),
    ({ length }) => length >= count,
    { withinMs: 20_000, what: `${count} e-mails to ${address}` },
  );
  return emails.map(({ subject }) => subject);
}
