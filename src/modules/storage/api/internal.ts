import { z } from 'zod';
import {
  fileIdSchema,
  fileLookupSchema,
  ruleActionSchema,
  versionIdSchema,
} from '../../../contracts/storage.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { eventsQuerySchema } from '../models/files.ts';
import { asUser } from '../ports/actor.ts';
import type { StorageApp } from './app.ts';

/** For sibling modules (contracts/storage.ts); the gateway routes nothing here. */
export function mountInternal(app: StorageApp): void {
  app.get('/internal/events', async (c) => {
    const { after, limit } = parse(eventsQuerySchema, c.req.query());
    return c.json({ events: await c.get('services').content.events(after ?? null, limit) });
  });

  app.get('/internal/versions/:id/source', async (c) => {
    const id = parse(versionIdSchema, c.req.param('id'));
    return c.json(await c.get('services').content.versionSource(id));
  });

  app.post('/internal/files/lookup', async (c) => {
    const { ids } = parse(fileLookupSchema, await jsonOf(c.req.raw));
    return c.json({ items: await c.get('services').files.files(asUser(c.get('principal').userId), ids) });
  });

  app.post('/internal/files/:id/rule-actions', async (c) => {
    const id = parse(fileIdSchema, c.req.param('id'));
    const action = parse(ruleActionSchema, await jsonOf(c.req.raw));
    const outcome = await c.get('services').ruleActions.apply(id, action, c.get('caller'));
    c.get('written')();
    return c.json(outcome);
  });
}

function jsonOf(request: Request): Promise<unknown> {
  return request.json().catch((cause: unknown) => {
    throw coreError('malformed_json', { cause });
  });
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (!result.success) throw coreError('invalid_request', { detail: z.prettifyError(result.error) });
  return result.data;
}
