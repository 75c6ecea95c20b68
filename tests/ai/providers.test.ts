import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TestUser } from '../../src/modules/storage/testing/test-system.ts';
import { startTestAi, type TestAi } from './test-ai.ts';

/** Third parties: each answers as its test says, and notes what it was asked. */
interface ThirdParty {
  readonly url: string;
  readonly asked: { readonly authorization: string | undefined; readonly inputs: string[] }[];
  /** Of its next answers. */
  behaviour:
    | 'vectors'
    | 'refuses'
    | 'overloaded'
    | 'breaks'
    | 'hangs'
    | 'stalls'
    | 'garbage'
    | 'ragged'
    | 'other-model';
}

const MODEL = 'hosted-8';
const TOKEN = 'hf_token_that_nobody_may_see';
const servers: Server[] = [];
let ai: TestAi;
let user: TestUser;
let fileId: string;
let first: ThirdParty;
let second: ThirdParty;
let round = 0;

beforeAll(async () => {
  ai = await startTestAi({ sidecarEnv: {} });
  user = await ai.newUser();
  [first, second] = await Promise.all([startThirdParty(), startThirdParty()]);
  const hosted = ai.withEnv(providers({}));
  fileId = await user.file('a.txt', 'Herons stand in the water.');
  await hosted.work();
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await ai.close();
});
beforeEach(() => {
  round += 1;
  first.behaviour = 'vectors';
  second.behaviour = 'vectors';
  first.asked.length = 0;
  second.asked.length = 0;
});
afterEach(() => vi.restoreAllMocks());

async function startThirdParty(): Promise<ThirdParty> {
  const party = { url: '', asked: [], behaviour: 'vectors' } as {
    -readonly [Key in keyof ThirdParty]: ThirdParty[Key];
  };
  const server = createServer(async (request, response) => {
    const { inputs } = JSON.parse(await bodyOf(request)) as { inputs: string[] };
    party.asked.push({ authorization: request.headers.authorization, inputs });
    const json = (value: unknown, status = 200, headers = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(value));
    const vectors = inputs.map((text) => vectorOf(text));
    switch (party.behaviour) {
      case 'vectors':
        return json(vectors);
      case 'refuses':
        return json({ error: 'no' }, 401);
      case 'overloaded':
        return json({ error: 'later' }, 429);
      case 'breaks':
        return json({ error: 'broken' }, 500);
      case 'hangs':
        return;
      case 'stalls':
        return void response.writeHead(200, { 'content-type': 'application/json' }).write('[[0.1,');
      case 'garbage':
        return response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>');
      case 'ragged':
        return json(vectors.map((vector, at) => (at === 0 ? [...vector, null] : vector)));
      case 'other-model':
        return json(vectors, 200, { 'x-model': 'somebody-else' });
    }
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  party.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/embed`;
  return party;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request) text += piece;
  return text;
}

/** Of length 8, not 1, as some send them. */
const vectorOf = (text: string) =>
  Array.from({ length: 8 }, (_, at) => ((text.charCodeAt(at % text.length) % 7) + 1) * 3);

const embedding = (name: string, url: string, more: object = {}) => ({
  name,
  task: 'feature-extraction',
  url,
  model: MODEL,
  token: TOKEN,
  ...more,
});
function providers(env: object, list?: object[]) {
  const asked = list ?? [embedding('one', first.url), embedding('two', second.url)];
  return { AI_PROVIDERS: JSON.stringify(asked), ...env };
}
/** A search of its own for each: vectors of a query are remembered. */
async function search(instance: Pick<TestAi, 'as'>, q = `herons ${round} ${Math.random()}`) {
  const startedAt = performance.now();
  const { status, body } = await instance
    .as(user)
    .call('GET', `/v1/search?q=${encodeURIComponent(q)}&mode=semantic`);
  return { status, body, milliseconds: performance.now() - startedAt };
}
const providerOf = ({ body }: { body: { providers: { embedding: { provider: string }[] } } }) =>
  body.providers.embedding[0]?.provider;

describe('providers of vectors', () => {
  test('are asked in their order, and the answer says who made it', async () => {
    const analysis = await user.call('GET', `/v1/files/${fileId}/analysis`);
    expect(analysis.body.models.embedding).toEqual({ model: MODEL, provider: 'one' });
    const found = await search(ai.withEnv(providers({})));
    expect(found.body).toMatchObject({
      degraded: false,
      providers: { embedding: [{ model: MODEL, provider: 'one' }] },
      items: [{ file: { id: fileId } }],
    });
    expect(first.asked).toHaveLength(1);
    expect(first.asked[0]?.authorization).toBe(`Bearer ${TOKEN}`);
    expect(second.asked).toHaveLength(0);
  });

  test.each([
    'refuses',
    'overloaded',
    'breaks',
    'hangs',
    'stalls',
    'garbage',
    'ragged',
    'other-model',
  ] as const)('the second answers when the first %s, within the time of a search', async (behaviour) => {
    first.behaviour = behaviour;
    const found = await search(ai.withEnv(providers({ QUERY_EMBEDDING_TIMEOUT_MS: '800' })));
    expect(found.body.degraded).toBe(false);
    expect(providerOf(found)).toBe('two');
    expect(found.body.items).toHaveLength(1);
    expect(first.asked).toHaveLength(1);
    expect(found.milliseconds).toBeLessThan(1_500);
  });

  test('together take no longer than a search waits; then it answers by keyword', async () => {
    first.behaviour = 'hangs';
    second.behaviour = 'stalls';
    const found = await search(ai.withEnv(providers({ QUERY_EMBEDDING_TIMEOUT_MS: '600' })));
    expect(found.status).toBe(200);
    expect(found.body).toMatchObject({ degraded: true, degradedReason: 'model_unavailable' });
    expect(found.milliseconds).toBeLessThan(1_500);
  });

  test('keep to the time-out that the operator gave them', async () => {
    first.behaviour = 'hangs';
    const list = [embedding('one', first.url, { timeoutMs: 100 }), embedding('two', second.url)];
    const found = await search(ai.withEnv(providers({ QUERY_EMBEDDING_TIMEOUT_MS: '5000' }, list)));
    expect(providerOf(found)).toBe('two');
    expect(found.milliseconds).toBeLessThan(1_500);
  });

  test('that keep failing are left alone for a while, and asked again after it', async () => {
    const now = Date.now;
    let passedMs = 0;
    vi.spyOn(Date, 'now').mockImplementation(() => now() + passedMs);
    const instance = ai.withEnv(providers({}));
    first.behaviour = 'breaks';
    for (let time = 0; time < 8; time += 1) expect(providerOf(await search(instance))).toBe('two');
    expect(first.asked).toHaveLength(5);
    first.behaviour = 'vectors';
    passedMs = 6_000;
    expect(providerOf(await search(instance))).toBe('one');
    expect(providerOf(await search(instance))).toBe('one');
  });

  test('that have no room are not at fault: they are asked each time', async () => {
    const instance = ai.withEnv(providers({}));
    first.behaviour = 'overloaded';
    for (let time = 0; time < 8; time += 1) expect(providerOf(await search(instance))).toBe('two');
    expect(first.asked).toHaveLength(8);
  });

  test('of another model are never asked for this one', async () => {
    const list = [embedding('stranger', first.url, { model: 'other-8' }), embedding('two', second.url)];
    const instance = ai.withEnv(providers({}, list));
    expect(providerOf(await search(instance))).toBe('two');
    second.behaviour = 'breaks';
    expect((await search(instance)).body.degraded).toBe(true);
    expect(first.asked).toHaveLength(0);
  });

  test('never have their tokens in logs or answers, whatever goes wrong', async () => {
    const lines: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(String(line)));
    const list = [embedding('one', first.url), embedding('two', 'http://127.0.0.1:1/embed')];
    const instance = ai.withEnv(providers({ LOG_LEVEL: 'debug', QUERY_EMBEDDING_TIMEOUT_MS: '300' }, list));
    const answers: string[] = [];
    for (const behaviour of ['refuses', 'breaks', 'hangs', 'garbage', 'ragged', 'other-model'] as const) {
      first.behaviour = behaviour;
      const { status, body } = await search(instance);
      expect([status, body.degraded], behaviour).toEqual([200, true]);
      answers.push(JSON.stringify(body));
    }
    expect(lines.join('\n')).toContain('no vector for the query');
    expect([...lines, ...answers].join('\n')).not.toContain(TOKEN);
  });

  test('make the vectors of uploads in the same way: what waiting mends is waited for', async () => {
    const instance = ai.withEnv(providers({}));
    const newer = await user.file(`b${round}.txt`, 'Egrets stand in the water.');
    first.behaviour = 'overloaded';
    second.behaviour = 'garbage';
    // The sidecar comes last, and has no such model.
    for (let time = 0; time < 7; time += 1) {
      await ai.query('update ai.analyses set next_attempt_at = now()');
      await instance.work();
    }
    const waiting = await user.call('GET', `/v1/files/${newer}/analysis`);
    expect(waiting.body.status).toBe('pending');
    expect(waiting.body.reason).toMatch(/^Waiting for/);
    second.behaviour = 'vectors';
    await ai.query('update ai.analyses set next_attempt_at = now()');
    await instance.work();
    const done = await user.call('GET', `/v1/files/${newer}/analysis`);
    expect(done.body.models.embedding).toEqual({ model: MODEL, provider: 'two' });
    const lengths = await ai.query('select vector_norm(embedding) as length from ai.embeddings');
    for (const { length } of lengths) expect(Number(length)).toBeCloseTo(1, 4);
  });
});

describe('a list of providers', () => {
  test.each([
    ['is no JSON', '[{'],
    ['has credentials in a URL', JSON.stringify([embedding('one', 'https://me:secret@example.com/')])],
    [
      'names one twice',
      JSON.stringify([embedding('one', 'https://a.example/'), embedding('one', 'https://b.example/')]),
    ],
    [
      'does not say which model makes the vectors',
      JSON.stringify([embedding('one', 'https://a.example/', { model: undefined })]),
    ],
    ['is of another protocol', JSON.stringify([embedding('one', 'file:///etc/passwd')])],
  ])('that %s is a fault of the environment, whose value is not told', async (_what, list) => {
    const lines: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(String(line)));
    vi.spyOn(console, 'error').mockImplementation((line) => void lines.push(String(line)));
    const { status, body } = await search(ai.withEnv({ AI_PROVIDERS: list, LOG_LEVEL: 'error' }));
    expect([status, body.code]).toEqual([503, 'misconfigured']);
    const told = JSON.stringify(body) + lines.join('\n');
    expect(told).toContain('AI_PROVIDERS');
    expect(told).not.toMatch(/secret|hf_token/);
  });
});
