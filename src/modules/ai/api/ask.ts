import { createRoute } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import { permit } from '../../../core/http/authorize.ts';
import { jsonBody, problems } from '../../../core/http/openapi.ts';
import { answerSchema, askRequestSchema } from '../models/ask.ts';
import type { AiApp } from './app.ts';

const EVENT_STREAM = 'text/event-stream';

const askRoute = createRoute({
  method: 'post',
  path: '/v1/ask',
  tags: ['search'],
  summary: 'Answer a question from the files, with citations',
  description:
    'With `Accept: text/event-stream` the answer comes as it is written: events `text` (`{text}`), `reset` (what came so far is taken back) and at the end `answer`, which alone counts.',
  ...permit('search:read'),
  request: { body: jsonBody(askRequestSchema) },
  responses: {
    200: {
      description: 'The answer, or that there is none',
      content: {
        'application/json': { schema: answerSchema },
        [EVENT_STREAM]: { schema: { type: 'string' as const } },
      },
    },
    ...problems(400, 401, 403, 413, 415, 503),
  },
});

export function mountAsk(app: AiApp): void {
  app.openapi(askRoute, async (c) => {
    const caller = {
      userId: c.get('principal').userId,
      credential: c.get('credential'),
      address: c.get('caller').address,
    };
    const request = c.req.valid('json');
    const { ask } = c.get('services');
    if (!(c.req.header('accept') ?? '').includes(EVENT_STREAM))
      return c.json(await ask.ask(caller, request), 200);
    const events = ask.stream(caller, request);
    // What is refused is refused with a status, before the stream begins.
    const first = await events.next();
    return streamSSE(c, async (stream) => {
      for (let next = first; !next.done && !stream.aborted; next = await events.next()) {
        const { type, ...data } = next.value;
        await stream.writeSSE({
          event: type,
          data: JSON.stringify(type === 'answer' && 'answer' in data ? data.answer : data),
        });
      }
      await events.return(undefined);
    });
  });
}
