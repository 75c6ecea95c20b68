import { z } from 'zod';

export const DEMO_EMAIL = 'demo@example.com';

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

export function howToUse(url: string, password: string): string {
  return `
Demo account: ${DEMO_EMAIL}, password ${password} (kept in secrets.json of the data folder)

  # sign in
  TOKEN=$(curl -s ${url}/v1/auth/login --json '{"email":"${DEMO_EMAIL}","password":"${password}"}' \\
    | node -p 'JSON.parse(require("fs").readFileSync(0)).accessToken')
  # upload, then find it by what it means
  curl -H "Authorization: Bearer $TOKEN" -T README.md "${url}/v1/files?name=README.md" -X POST
  curl -H "Authorization: Bearer $TOKEN" "${url}/v1/search?q=how+do+I+shut+it+down"

API: ${url}/docs   Stop: Ctrl-C
`;
}
