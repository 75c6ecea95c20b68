import { randomUUID } from 'node:crypto';
import { bodyOf, type Client } from './client.ts';
import { type Tokens, tokensSchema } from './wire.ts';

export interface Account {
  readonly email: string;
  readonly password: string;
  readonly tokens: Tokens;
  /** Calls as this user. */
  readonly api: Client;
}

export function newEmail(): string {
  return `${randomUUID()}@example.com`;
}

/** A session of an account, by its password. */
export async function signIn(
  client: Client,
  { email, password }: { readonly email: string; readonly password: string },
): Promise<Tokens> {
  const answer = await client.call('POST', '/v1/auth/login', { json: { email, password } });
  return bodyOf(answer, 200, tokensSchema);
}

/** A user of its own for every test: tests share the system, never its data. */
export async function newAccount(client: Client): Promise<Account> {
  const email = newEmail();
  const password = `pass ${randomUUID()}`;
  const answer = await client.call('POST', '/v1/auth/register', { json: { email, password } });
  const tokens = bodyOf(answer, 201, tokensSchema);
  return { email, password, tokens, api: client.as(tokens.accessToken) };
}
