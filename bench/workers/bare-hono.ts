import { Hono } from 'hono';

/** Answers a JSON of the same size as the product, and asks nobody. */
const app = new Hono<{ Bindings: { PAYLOAD: string } }>();
let payload: object | undefined;

app.get('/v1/files/:id', (c) => {
  payload ??= { ...JSON.parse(c.env.PAYLOAD) };
  return c.json({ ...payload, id: c.req.param('id') });
});

export default app;
