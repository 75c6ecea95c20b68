import type { Permission } from './permissions.ts';

/** Who is behind a request and what they may do, at most a second old. */
export interface Principal {
  readonly userId: string;
  readonly kind: 'person' | 'service';
  readonly role: string;
  /** What the request was authenticated with. */
  readonly credential:
    | { readonly kind: 'session'; readonly id: string; readonly clientId: string | null }
    | { readonly kind: 'api-key'; readonly id: string };
  readonly permissions: ReadonlySet<Permission>;
  /** Why permissions of the role are missing; the code of the refusal. */
  readonly restriction: 'mfa_required' | 'network_not_allowed' | null;
  /** Last time the person proved who they are, in milliseconds since the epoch; null for API keys. */
  readonly authenticatedAt: number | null;
  /** RFC 8176 names of how the session was signed in; empty for API keys. */
  readonly methods: readonly string[];
}

/** Where a request comes from, as far as the gateway knows. */
export interface Caller {
  readonly requestId: string;
  readonly address: string | null;
  /** `City, CC` or `CC`, where the edge tells it. */
  readonly place: string | null;
  readonly userAgent: string | null;
}

/** @returns the session of a person at a device; undefined for API keys and for grants to OAuth clients. */
export function ownSession({ credential }: Principal): string | undefined {
  return credential.kind === 'session' && credential.clientId === null ? credential.id : undefined;
}

/** True for API keys and OAuth clients: programs whose reads are audited too. */
export function isAgent({ credential, kind }: Principal): boolean {
  return kind === 'service' || credential.kind === 'api-key' || credential.clientId !== null;
}
