import type { RateLimit } from '../../core/cache/rate-limiter.ts';

/** Calls of one address to register, whatever comes of them. */
export const REGISTER_PER_ADDRESS: RateLimit = { name: 'register', limit: 20, seconds: 3_600 };
