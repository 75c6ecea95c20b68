import { sql } from 'drizzle-orm';
import { test } from 'vitest';
import { startTestDatabase } from '../../local/testing/database.ts';
import { createSimilarRepository } from './repository/similar.ts';
test('measure', async () => {
  const { db, close } = await startTestDatabase();
  const N = 25_000;
  const user = '01890000-0000-7000-8000-000000000001';
  await db.execute(sql`insert into auth.users (id,email,name) values (${user}::uuid,'a@b.c','x')`);
  await db.execute(sql`select storage.ensure_drive(${user}::uuid,'person')`);
  await db.execute(sql.raw(`create temp table if not exists x(i int)`)).catch(() => 0);
  const id = (k: number, i = 'i') => `('01890000-0000-7${k}00-8000-'||lpad(to_hex(${i}),12,'0'))::uuid`;
  await db.execute(sql.raw(`insert into storage.objects (id,key,size,sha256,etag,encryption) select ${id(1)}, 'k'||i, 1, md5((i/2)::text)||md5(i::text), 'e', 'none' from generate_series(1,${N}) i`));
  await db.execute(sql.raw(`with f as (insert into storage.files (id,current_version_id,drive_id,scope_id,kind,name,name_key,created_by) select ${id(2)}, ${id(3)}, '${user}','${user}','file','n'||i,'n'||i,'${user}' from generate_series(1,${N}) i) insert into storage.versions (id,file_id,drive_id,number,object_id,size,content_type,created_by) select ${id(3)}, ${id(2)}, '${user}', 1, ${id(1)}, 1, 'text/plain', '${user}' from generate_series(1,${N}) i`));
  await db.execute(sql.raw(`insert into ai.analyses (version_id,file_id,status,todo,simhash,embedding_model) select ${id(3)}, ${id(2)}, 'ready','{}', (random()*1e18)::bigint, 'all-MiniLM-L6-v2' from generate_series(1,${N}) i`));
  await db.execute(sql.raw(`insert into ai.document_vectors (model,version_id,embedding) select 'all-MiniLM-L6-v2', ${id(3)}, (select array_agg(random()-0.5+i*0) from generate_series(1,384))::vector from generate_series(1,${N}) i`));
  await db.execute(sql.raw('analyze'));
  const repo = createSimilarRepository(db);
  for (let n = 0; n < 6; n++) {
    const t = performance.now();
    const r = await repo.similar(`usr_${user.replaceAll('-','')}`, 'file_0189000000007200800000000000000a', { limit: 50, minScore: 0.1 });
    console.log('ms', performance.now() - t, typeof r === 'object' && r.candidates.length);
  }
  const t = performance.now();
  await db.execute(sql`select count(*) from storage.visible_files(${user}::uuid)`);
  console.log('visible alone', performance.now() - t);
  await close();
}, 300000);
