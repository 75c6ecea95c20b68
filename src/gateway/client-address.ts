import { z } from 'zod';

const LOOPBACK = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/;
const placeSchema = z.object({ city: z.string().max(100).optional(), country: z.string().max(2) });

/**
 * The address of the client. On Cloudflare it is in `CF-Connecting-IP`, which nobody can forge through the edge. The
 * local runtime fills that header only when the client has not, so there nothing but loopback addresses are believed:
 * whoever claims another one is counted as 127.0.0.1.
 */
export function clientAddress(request: Request, environment: string): string | null {
  const claimed = request.headers.get('cf-connecting-ip');
  if (environment !== 'local' && environment !== 'test') return claimed;
  return claimed !== null && LOOPBACK.test(claimed) ? claimed : '127.0.0.1';
}

/** `City, CC` by the edge's own lookup of the address; the local runtime has none. */
export function clientPlace(request: Request, environment: string): string | null {
  if (environment === 'local' || environment === 'test') return null;
  const parsed = placeSchema.safeParse('cf' in request ? request.cf : undefined);
  if (!parsed.success) return null;
  const { city, country } = parsed.data;
  return city ? `${city.replaceAll(/[^\p{L}\p{N} .'-]/gu, '')}, ${country}` : country;
}
