import type { OneTimePurpose, OneTimeToken, OneTimeTokenRepository } from '../ports/one-time-tokens.ts';

export interface OneTimeTokens {
  /** @returns the token, 256 random bits in base64url; only its hash is kept. */
  issue(
    purpose: OneTimePurpose,
    seconds: number,
    about: { userId?: string; data?: Record<string, unknown> },
  ): Promise<string>;
  /** Undefined when it is unknown, used, expired, or of another purpose. */
  consume(purpose: OneTimePurpose, token: string): Promise<OneTimeToken | undefined>;
  /** For tokens that allow several tries (codes): counts this one; undefined after `max`. */
  attempt(purpose: OneTimePurpose, token: string, max: number): Promise<OneTimeToken | undefined>;
  find(purpose: OneTimePurpose, token: string): Promise<OneTimeToken | undefined>;
}

export function createOneTimeTokens(dependencies: {
  readonly repository: OneTimeTokenRepository;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  readonly now: () => Date;
}): OneTimeTokens {
  const { repository, newSecret, hashSecret, now } = dependencies;
  return {
    async issue(
      purpose,
      seconds,
      { userId = null, data = {} }: { userId?: string | null; data?: Record<string, unknown> },
    ) {
      const token = newSecret();
      const expiresAt = new Date(now().getTime() + seconds * 1000);
      await repository.insert({ purpose, tokenHash: hashSecret(token), userId, data, expiresAt });
      return token;
    },
    consume: (purpose, token) => repository.consume(purpose, hashSecret(token)),
    attempt: (purpose, token, max) => repository.attempt(purpose, hashSecret(token), max),
    find: (purpose, token) => repository.find(purpose, hashSecret(token)),
  };
}
