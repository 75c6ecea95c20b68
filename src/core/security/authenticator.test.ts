import { beforeEach, describe, expect, test } from 'vitest';
import type { Authorities } from '../database/authority.ts';
import { coreError } from '../http/app-error.ts';
import { DependencyError } from '../resilience/dependency.ts';
import { newApiKey } from './api-key.ts';
import { AUTHORITY_MS, createAuthenticator } from './authenticator.ts';
import type { Principal } from './principal.ts';

const principal = (userId: string): Principal => ({
  userId,
  kind: 'person',
  role: 'member',
  credential: { kind: 'session', id: 'ses_1', clientId: null },
  permissions: new Set(['account:read']),
  restriction: null,
  authenticatedAt: 0,
  methods: ['pwd'],
});

let time: number;
let asked: unknown[][];
let answer: () => Promise<Principal | undefined>;
const authorities: Authorities = {
  ofSession: (...question) => {
    asked.push(question);
    return answer();
  },
  ofApiKey: (...question) => {
    asked.push(question);
    return answer();
  },
};
/** A token is `user expiry`. */
const verifier = {
  async verify(token: string) {
    const [userId = '', exp = '0'] = token.split(' ');
    if (Number(exp) <= time) throw coreError('token_expired');
    return { userId, sessionId: 'ses_1', keyId: 'k1', expiresAt: Number(exp) };
  },
};
let authenticate: ReturnType<typeof createAuthenticator>['authenticate'];
const codeOf = (credential: string, address: string | null = null) =>
  authenticate(credential, address).then(
    () => 'accepted',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );

beforeEach(() => {
  time = 1_000_000;
  asked = [];
  answer = async () => principal('usr_1');
  ({ authenticate } = createAuthenticator({ verifier, authorities, now: () => time, cacheSize: 2 }));
});

describe('a token', () => {
  const token = 'usr_1 9000000';

  test('is looked up by session, signing key and address', async () => {
    expect((await authenticate(token, '192.0.2.1')).userId).toBe('usr_1');
    expect(asked).toEqual([['ses_1', 'k1', '192.0.2.1']]);
  });

  test('is good for a second without another look, and no longer', async () => {
    await authenticate(token, null);
    answer = async () => undefined;
    time += AUTHORITY_MS - 1;
    expect(await codeOf(token)).toBe('accepted');
    time += 1;
    expect(await codeOf(token)).toBe('unauthorized');
    expect(asked).toHaveLength(2);
  });

  test('counts its second from the question, not from a late answer', async () => {
    answer = async () => {
      time += 900;
      return principal('usr_1');
    };
    await authenticate(token, null);
    answer = async () => undefined;
    time += 100;
    expect(await codeOf(token)).toBe('unauthorized');
  });

  test('is not remembered past its own end', async () => {
    const short = `usr_1 ${time + 300}`;
    await authenticate(short, null);
    time += 300;
    expect(await codeOf(short)).toBe('token_expired');
  });

  test('that was refused is asked about again', async () => {
    answer = async () => undefined;
    expect(await codeOf(token)).toBe('unauthorized');
    answer = async () => principal('usr_1');
    expect(await codeOf(token)).toBe('accepted');
  });

  test('of one user is nothing with the session of another', async () => {
    answer = async () => principal('usr_2');
    expect(await codeOf(token)).toBe('unauthorized');
  });

  test('from another address is another question', async () => {
    await authenticate(token, '192.0.2.1');
    await authenticate(token, '192.0.2.2');
    expect(asked).toHaveLength(2);
  });

  test('is no refusal but an outage when the database cannot be asked', async () => {
    answer = async () => {
      throw new DependencyError('postgres', 'is away');
    };
    await expect(authenticate(token, null)).rejects.toMatchObject({ name: 'DependencyError' });
  });

  test('makes room when there are too many', async () => {
    for (const user of ['usr_1 9000001', 'usr_1 9000002', 'usr_1 9000003']) await authenticate(user, null);
    await authenticate('usr_1 9000003', null);
    expect(asked).toHaveLength(3);
    await authenticate('usr_1 9000001', null);
    expect(asked).toHaveLength(4);
  });
});

describe('an API key', () => {
  test('is looked up by its hash, for a second', async () => {
    const key = newApiKey();
    await authenticate(key, null);
    await authenticate(key, null);
    expect(asked).toEqual([[expect.stringMatching(/^[A-Za-z0-9_-]{43}$/), null]]);
    expect(JSON.stringify(asked)).not.toContain(key);
    answer = async () => undefined;
    time += AUTHORITY_MS;
    expect(await codeOf(key)).toBe('unauthorized');
  });

  test('that is mistyped is refused without a look', async () => {
    const key = newApiKey();
    expect(await codeOf(`${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`)).toBe('unauthorized');
    expect(asked).toEqual([]);
  });
});
