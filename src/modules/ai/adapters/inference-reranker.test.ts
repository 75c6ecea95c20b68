import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInferenceReranker } from './inference-reranker.ts';
import { createProviders } from './providers.ts';

let server: Server;
const asked: (string | undefined)[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify([{ index: 1, score: 4 }]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

test('texts are ranked by the model that was chosen, and by the default where none was', async () => {
  const address = server.address();
  const reranker = createInferenceReranker({
    timeoutMs: 5_000,
    providers: createProviders({
      configured: [],
      sidecarUrl: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
      sidecarToken: async () => 'token',
      timeoutMs: 5_000,
      pause: async () => undefined,
      now: Date.now,
    }),
  });
  const answer = await reranker.rank('q', ['a', 'b'], 'ranker-2');
  expect(answer).toEqual({ scores: [Number.NEGATIVE_INFINITY, 4], provider: 'sidecar' });
  await reranker.rank('q', ['a'], undefined);
  expect(asked).toEqual(['/v1/models/text-ranking/ranker-2', '/v1/models/text-ranking']);
});
