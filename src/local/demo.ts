import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const DEMO_EMAIL = 'demo@example.com';
const CREDENTIALS_FILE = 'demo.json';

/** Makes the demo account of this installation. True if it was made just now, false if it was there. */
export async function createDemoAccount(url: string, password: string): Promise<boolean> {
  const response = await fetch(`${url}/v1/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: DEMO_EMAIL, password, name: 'Demo' }),
    signal: AbortSignal.timeout(15_000),
  });
  if (response.status === 201) return true;
  const problem = z.object({ code: z.string() }).safeParse(await response.json());
  if (problem.data?.code === 'email_taken') return false;
  throw new Error(`the demo account could not be made: ${response.status} ${problem.data?.code ?? ''}`);
}

/** The body of a login request, as a file that only its owner can read: no password in a shell's history. */
export async function writeDemoCredentials(dataDir: string, password: string): Promise<void> {
  const body = JSON.stringify({ email: DEMO_EMAIL, password });
  await writeFile(join(dataDir, CREDENTIALS_FILE), body, { mode: 0o600 });
}

export function howToUse(url: string, dataDir: string, password: string, isNew: boolean): string {
  const account = `Demo account${isNew ? ' (made just now)' : ''}: ${DEMO_EMAIL}, password ${password}`;
  return `
${account}
  sign in:  curl ${url}/v1/auth/login -H 'content-type: application/json' -d @${join(dataDir, CREDENTIALS_FILE)}
  upload:   curl "${url}/v1/files?name=README.md" -H "authorization: Bearer $TOKEN" -X POST -T README.md
  search:   curl "${url}/v1/search?q=how+do+I+stop+it" -H "authorization: Bearer $TOKEN"
The tour in README.md does it step by step; the API is at ${url}/docs; Ctrl-C stops everything.
`;
}
