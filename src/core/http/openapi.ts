import { z } from '@hono/zod-openapi';

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    requestId: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');

const DESCRIPTIONS = {
  400: 'The request is not valid; `errors` names the fields',
  401: 'No valid access token',
  403: 'Not allowed',
  404: 'There is no such thing, or it is not yours',
  409: 'In conflict with what is there',
  410: 'It has been there, but not any more',
  411: 'The length of the body has to be known',
  412: 'The file has changed since',
  413: 'The body is too large',
  415: 'The body is not of a type that is taken here',
  416: 'The range is outside of the file',
  422: 'Understood, but not acceptable',
  423: 'Somebody else is writing to it',
  429: 'Too many requests; try again after `Retry-After`',
  460: 'The bytes do not have the checksum that was sent with them',
  503: 'A part of the service is unavailable; try again after `Retry-After`',
  507: 'There is no room left in the drive',
} as const;

/** The problem documents that an operation can answer with, for `createRoute`. */
export function problems<Status extends keyof typeof DESCRIPTIONS>(...statuses: readonly Status[]) {
  const content = { 'application/problem+json': { schema: problemSchema } };
  return Object.fromEntries(
    statuses.map((status) => [status, { description: DESCRIPTIONS[status], content }]),
  );
}

/** A JSON answer, for `createRoute`. */
export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

/** A JSON body that has to be there, for `createRoute`. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } } as const;
}

/** Operations behind an access token. */
export const bearer = [{ bearer: [] }];
