import type { Caller } from '../security/principal.ts';

/** Written by the gateway over whatever a client sent; modules are reachable through their bindings only. */
export const CLIENT_ADDRESS_HEADER = 'x-client-address';
export const CLIENT_PLACE_HEADER = 'x-client-place';

const USER_AGENT_LENGTH = 300;

export function callerOf(request: Request, requestId: string): Caller {
  return {
    requestId,
    address: request.headers.get(CLIENT_ADDRESS_HEADER),
    place: decode(request.headers.get(CLIENT_PLACE_HEADER)),
    userAgent: request.headers.get('user-agent')?.slice(0, USER_AGENT_LENGTH) ?? null,
  };
}

/** The gateway percent-encodes the place, because a header is bytes. */
function decode(place: string | null): string | null {
  return place === null ? null : decodeURI(place);
}
