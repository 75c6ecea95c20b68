import { z } from 'zod';
import { createDependency } from '../resilience/dependency.ts';
import { isAddress, isPublicAddress } from './public-address.ts';

/** What users may name: TLS, and where such servers usually are. */
const PORTS: ReadonlySet<string> = new Set(['', '443', '8443']);
/** Names that mean something in private networks only (RFC 6761, 6762, 8375, 7686, and ICANN's `.internal`). */
const PRIVATE_NAMES =
  /(^|\.)(localhost|local|internal|home\.arpa|onion|test|invalid|lan|intranet|corp|home)$/;
const MAX_URL_LENGTH = 2_000;

/** `refused` never changes by waiting; `unresolved` and `unknown` may. */
export type Destination =
  | { readonly kind: 'open' }
  | { readonly kind: 'refused' | 'unresolved' | 'unknown'; readonly reason: string };

/** Decides where requests may go that a user has named (OWASP ASVS 1.3.6): into the public internet only. */
export interface Destinations {
  /** Why this URL can never be one, by how it is written; undefined when it may be. */
  refusal(url: string): string | undefined;
  /** Before each request: the same, and every address that the name has now has to be public. */
  look(url: string): Promise<Destination>;
}

/** The addresses of a name, of both families. @throws when the resolver does not say. */
export type Resolve = (name: string) => Promise<readonly string[]>;

export interface DestinationOptions {
  readonly resolve: Resolve;
  /** `host:port` that are taken without a look, with http too: for development. */
  readonly allowedHosts: readonly string[];
  /** Names of the deployment's own services. */
  readonly ownHosts: readonly string[];
}

export function createDestinations(options: DestinationOptions): Destinations {
  const allowed = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
  const own = new Set(options.ownHosts.map(withoutDot));

  const isAllowed = (url: URL): boolean => allowed.has(`${url.hostname}:${url.port || defaultPort(url)}`);

  function refusal(text: string): string | undefined {
    if (text.length > MAX_URL_LENGTH) return `must have at most ${MAX_URL_LENGTH} characters`;
    // The parser turns 0x7f.1, 017700000001, 2130706433 and full-width digits into what they mean.
    if (!URL.canParse(text)) return 'must be a URL';
    const url = new URL(text);
    if (url.username !== '' || url.password !== '') return 'must not contain credentials';
    if (url.hash !== '') return 'must not have a fragment';
    if (isAllowed(url) && /^https?:$/.test(url.protocol)) return undefined;
    if (url.protocol !== 'https:') return 'must begin with https://';
    if (!PORTS.has(url.port)) return 'must use port 443 or 8443';
    return refusalOfHost(url.hostname, own);
  }

  return {
    refusal,
    async look(text) {
      const reason = refusal(text);
      if (reason !== undefined) return { kind: 'refused', reason: `the URL ${reason}` };
      const url = new URL(text);
      if (isAllowed(url) || isAddress(bare(url.hostname))) return { kind: 'open' };
      let addresses: readonly string[];
      try {
        addresses = await options.resolve(withoutDot(url.hostname));
      } catch {
        return { kind: 'unknown', reason: 'the name could not be looked up' };
      }
      if (addresses.length === 0) return { kind: 'unresolved', reason: 'the name has no address' };
      return addresses.every(isPublicAddress)
        ? { kind: 'open' }
        : { kind: 'unresolved', reason: 'the name has an address that is not public' };
    },
  };
}

function refusalOfHost(hostname: string, own: ReadonlySet<string>): string | undefined {
  const host = withoutDot(bare(hostname));
  if (isAddress(host)) return isPublicAddress(host) ? undefined : 'must lead to a public address';
  if (!host.includes('.') || PRIVATE_NAMES.test(host)) return 'must have a public host name';
  return own.has(host) ? 'must not lead to this service itself' : undefined;
}

const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');
const withoutDot = (host: string): string => host.toLowerCase().replace(/\.+$/, '');
const defaultPort = (url: URL): string => (url.protocol === 'http:' ? '80' : '443');

const RESOLVER_TIMEOUT_MS = 3_000;
const TYPES = { A: 1, AAAA: 28 } as const;
const NO_ERROR = 0;
const NAME_ERROR = 3;

/**
 * Names by DNS over HTTPS, since a Worker has no other way to ask, in the JSON form that Cloudflare and Google answer in
 * (https://developers.cloudflare.com/1.1.1.1/encryption/dns-over-https/make-api-requests/dns-json/).
 */
export function createHttpsResolver(resolverUrl: string): Resolve {
  const resolver = createDependency('dns', { timeoutMs: RESOLVER_TIMEOUT_MS });

  async function ask(name: string, type: keyof typeof TYPES): Promise<string[]> {
    const url = new URL(resolverUrl);
    url.searchParams.set('name', name);
    url.searchParams.set('type', type);
    const headers = { accept: 'application/dns-json' };
    const response = await resolver.fetch(url.href, { headers, redirect: 'manual' }, { wholeAnswer: true });
    if (response.status !== 200) throw new Error(`the resolver answered ${response.status}`);
    return addressesIn(await response.json(), TYPES[type]);
  }

  return async (name) => (await Promise.all([ask(name, 'A'), ask(name, 'AAAA')])).flat();
}

const answerSchema = z.object({
  Status: z.number(),
  Answer: z.array(z.object({ type: z.number(), data: z.string() })).default([]),
});

function addressesIn(answer: unknown, type: number): string[] {
  const { Status: status, Answer: records } = answerSchema.parse(answer);
  if (status === NAME_ERROR) return [];
  if (status !== NO_ERROR) throw new Error(`the resolver answered with status ${status}`);
  return records.filter((record) => record.type === type).map(({ data }) => data);
}
