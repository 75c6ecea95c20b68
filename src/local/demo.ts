import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { createDatabase } from '../core/database/client.ts';
import { grantAdmin } from '../modules/auth/repository/grant-admin.ts';
import type { Stack } from './stack.ts';

const DEMO_EMAIL = 'demo@example.com';
const CREDENTIALS_FILE = 'demo.json';
const ADMIN_EMAIL = 'admin@example.com';
const ADMIN_FILE = 'admin.json';

/** Makes the demo account of this installation. True if it was made just now, false if it was there. */
export function createDemoAccount(url: string, password: string): Promise<boolean> {
  return createAccount(url, { email: DEMO_EMAIL, password, name: 'Demo' });
}

/**
 * Makes the administrator of this installation, once: when its file is there, the role is left as it is. An account of
 * this address that somebody else opened (our password does not open it) gets nothing.
 */
export async function createAdminAccount({ url, secrets, bindings }: Stack, dataDir: string): Promise<void> {
  const file = join(dataDir, ADMIN_FILE);
  const isDone = await access(file).then(
    () => true,
    () => false,
  );
  if (isDone) return;
  const login = { email: ADMIN_EMAIL, password: secrets.adminPassword };
  const isNew = await createAccount(url, { ...login, name: 'Administrator' });
  if (!isNew && (await post(`${url}/v1/auth/login`, login)).status !== 200) return;
  const { DATABASE_URL = '', DATABASE_FETCH_ENDPOINT } = bindings;
  await grantAdmin(createDatabase({ DATABASE_URL, DATABASE_FETCH_ENDPOINT }), ADMIN_EMAIL, {
    unverified: true,
  });
  await writeFile(file, JSON.stringify(login), { mode: 0o600 });
}

/** The body of a login request, as a file that only its owner can read: no password in a shell's history. */
export async function writeDemoCredentials(dataDir: string, password: string): Promise<void> {
  const body = JSON.stringify({ email: DEMO_EMAIL, password });
  await writeFile(join(dataDir, CREDENTIALS_FILE), body, { mode: 0o600 });
}

export function howToUse({ url, mailUrl, secrets }: Stack, dataDir: string, isNew: boolean): string {
  const account = `Demo account${isNew ? ' (made just now)' : ''}: ${DEMO_EMAIL}, password ${secrets.demoPassword}`;
  return `
${account}
  sign in:  curl ${url}/v1/auth/login -H 'content-type: application/json' -d @${join(dataDir, CREDENTIALS_FILE)}
  upload:   curl "${url}/v1/files?name=README.md" -H "authorization: Bearer $TOKEN" -X POST -T README.md
  search:   curl "${url}/v1/search?q=how+do+I+stop+it" -H "authorization: Bearer $TOKEN"
Administrator: ${ADMIN_EMAIL}, password in ${join(dataDir, ADMIN_FILE)}
E-mails go nowhere; they are at ${mailUrl}
The tour in README.md does it step by step; the API is at ${url}/docs; Ctrl-C stops everything.
`;
}

async function createAccount(
  url: string,
  account: { readonly email: string; readonly password: string; readonly name: string },
): Promise<boolean> {
  const response = await post(`${url}/v1/auth/register`, account);
  if (response.status === 201) return true;
  const problem = z.object({ code: z.string() }).safeParse(await response.json());
  if (problem.data?.code === 'email_taken') return false;
  throw new Error(`${account.email} could not be made: ${response.status} ${problem.data?.code ?? ''}`);
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
}
