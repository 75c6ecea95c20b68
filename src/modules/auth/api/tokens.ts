import type { z } from '@hono/zod-openapi';
import type { SignInOutcome, Tokens, tokensSchema } from '../models/sign-in.ts';

export const NO_STORE = { 'cache-control': 'no-store' } as const;

/** How tokens travel to the client: in the body. */
export function tokenBody({
  user,
  accessToken,
  refreshToken,
  expiresIn,
}: Tokens): z.infer<typeof tokensSchema> {
  return { user, accessToken, refreshToken, tokenType: 'Bearer', expiresIn };
}

export type { SignInOutcome };
