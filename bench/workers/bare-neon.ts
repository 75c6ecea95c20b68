import { neon, neonConfig } from '@neondatabase/serverless';
import { Hono } from 'hono';

/** One row by its key through Neon's driver, to whoever asks. */
const app = new Hono<{ Bindings: { DATABASE_URL: string; DATABASE_FETCH_ENDPOINT: string } }>();

app.get('/v1/files/:id', async (c) => {
  neonConfig.fetchEndpoint = c.env.DATABASE_FETCH_ENDPOINT;
  const sql = neon(c.env.DATABASE_URL);
  const id = c.req.param('id').slice('file_'.length);
  const rows = await sql`
    select id, drive_id, parent_id, kind, name, name_key, current_version_id, version_count, trashed_at, created_at, updated_at
    from storage.files where id = ${id}::uuid`;
  return c.json(rows[0]);
});

export default app;
