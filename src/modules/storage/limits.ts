import type { RateLimit } from '../../core/cache/rate-limiter.ts';

// RATE_LIMIT_SCALE widens all of them.

/** E-mail addresses that one user shares with: each answer tells whether the address has an account. */
export const ADDRESSES_PER_USER: RateLimit = { name: 'shares-by-address', limit: 100, seconds: 3_600 };

/** Calls of one address to links, whichever they are. */
export const LINK_CALLS_PER_ADDRESS: RateLimit = { name: 'link-calls', limit: 1_200, seconds: 60 };
/** Files that one address puts into folders through links. */
export const LINK_UPLOADS_PER_ADDRESS: RateLimit = { name: 'link-uploads', limit: 300, seconds: 600 };
/** Wrong passwords of one address at one link, of one address at all links, of everybody at one link. */
export const LINK_FAILURES_OF_PAIR: RateLimit = { name: 'link-failures', limit: 10, seconds: 900 };
export const LINK_FAILURES_PER_ADDRESS: RateLimit = {
  name: 'link-failures-of-address',
  limit: 60,
  seconds: 900,
};
export const LINK_FAILURES_PER_LINK: RateLimit = {
  name: 'link-failures-of-link',
  limit: 200,
  seconds: 3_600,
};
