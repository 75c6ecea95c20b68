import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { permit } from '../../../core/http/authorize.ts';
import { json, problems } from '../../../core/http/openapi.ts';
import {
  explainQuerySchema,
  explainRequestOf,
  searchQuerySchema,
  searchRequestOf,
  searchResultSchema,
} from '../models/search.ts';
import { searchExplanationSchema } from '../models/search-explain.ts';
import type { Caller } from '../ports/caller.ts';
import type { AiApp, AiVariables } from './app.ts';

const LANGUAGE = `
Words are looked for in any order, \`"a phrase"\` as it stands, \`begin*\` as the beginning of a word; \`-word\` and
\`-"a phrase"\` must not be in the file. Phrases and what is excluded hold in every mode. There is no query that is
wrong: one without any word to look for finds nothing.

Filters all hold together. \`type\`, \`category\` and \`language\` may be repeated, and any of the values will do; of a
repeated \`tag\` all must be there. \`metadata.KEY=value\` asks for metadata of the file; \`field.NAME=value\`,
\`field.NAME.min=\` and \`field.NAME.max=\` ask for fields found in its text. A folder that is not there for you has
nothing in it.`;

const searchRoute = createRoute({
  method: 'get',
  path: '/v1/search',
  tags: ['search'],
  summary: 'Find files by what they mean, by their words, or both',
  description: LANGUAGE,
  ...permit('search:read'),
  request: { query: searchQuerySchema },
  responses: {
    200: json(searchResultSchema, 'The best files, and what the answer does not cover'),
    ...problems(400, 401, 403, 503),
  },
});

const explainRoute = createRoute({
  method: 'get',
  path: '/v1/search/explain',
  tags: ['search'],
  summary: 'Why a file is, or is not, in the answer of a search',
  description: 'Takes the query and the filters of `GET /v1/search`.',
  ...permit('search:read'),
  request: { query: explainQuerySchema },
  responses: {
    200: json(
      searchExplanationSchema,
      'The reasons; the same for a file that is not there and one that is not yours',
    ),
    ...problems(400, 401, 403, 503),
  },
});

export function mountSearch(app: AiApp): void {
  app.openapi(searchRoute, async (c) =>
    c.json(await c.get('services').search.search(callerOf(c), searchRequestOf(c.req.valid('query'))), 200),
  );
  app.openapi(explainRoute, async (c) =>
    c.json(await c.get('services').search.explain(callerOf(c), explainRequestOf(c.req.valid('query'))), 200),
  );
}

/** Storage is asked in the name of whoever searches. */
const callerOf = (c: Context<{ Bindings: object; Variables: AiVariables }>): Caller => ({
  userId: c.get('principal').userId,
  credential: c.get('credential'),
  address: c.get('caller').address,
});
