import { describe, expect, test } from 'vitest';
import { createGateway } from './app.ts';
import { clientAddress, clientPlace } from './client-address.ts';

const request = (headers: Record<string, string>) => new Request('https://api.test/', { headers });
/** Headers that name an address, by custom of some proxy or by ours. */
const FORGED = {
  'x-forwarded-for': '192.0.2.66',
  'x-real-ip': '192.0.2.66',
  forwarded: 'for=192.0.2.66',
  'true-client-ip': '192.0.2.66',
  'x-client-address': '192.0.2.66',
  'cf-connecting-ipv6': '2001:db8::66',
  'cf-pseudo-ipv4': '192.0.2.66',
};

describe.each(['production', 'staging', 'dev'])('at the edge (%s)', (environment) => {
  test('the address is the one that the edge saw, whatever else is claimed', () => {
    const seen = request({ ...FORGED, 'cf-connecting-ip': '203.0.113.9' });
    expect(clientAddress(seen, environment)).toBe('203.0.113.9');
  });

  test('without the word of the edge there is no address', () => {
    expect(clientAddress(request(FORGED), environment)).toBeNull();
  });
});

describe.each(['local', 'test'])(
  'in the local runtime (%s), where clients can set the header of the edge',
  (environment) => {
    test.each(['203.0.113.9', 'x', '127.0.0.1, 203.0.113.9', '::2', '127.1'])(
      '%s is not believed',
      (claimed) => {
        expect(clientAddress(request({ ...FORGED, 'cf-connecting-ip': claimed }), environment)).toBe(
          '127.0.0.1',
        );
      },
    );

    test.each(['127.0.0.1', '127.0.0.2', '::1'])('%s is', (claimed) => {
      expect(clientAddress(request({ 'cf-connecting-ip': claimed }), environment)).toBe(claimed);
    });

    test('nobody is anywhere', () => {
      expect(clientPlace(request({ 'x-client-place': 'Oslo, NO' }), environment)).toBeNull();
    });
  },
);

/** What the auth module gets to see of a request. */
async function passOn(environment: string, headers: Record<string, string>): Promise<Headers> {
  let seen = new Headers();
  const module = {
    fetch: async (passed: Request) => {
      seen = passed.headers;
      return new Response('{}');
    },
  };
  const env = { ENVIRONMENT: environment, LOG_LEVEL: 'silent', AUTH: module, STORAGE: module, AI: module };
  const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  await createGateway().fetch(new Request('https://api.test/v1/auth/me', { headers }), env, context);
  return seen;
}

test('a module gets the address of the edge in the place of the forged one', async () => {
  const seen = await passOn('production', {
    ...FORGED,
    'cf-connecting-ip': '203.0.113.9',
    'x-client-place': 'Oslo, NO',
  });
  expect(seen.get('x-client-address')).toBe('203.0.113.9');
  expect(seen.get('x-client-place')).toBeNull();
});

test('a module gets no address when the edge names none', async () => {
  expect((await passOn('production', FORGED)).get('x-client-address')).toBeNull();
});
