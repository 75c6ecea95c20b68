import { neon, neonConfig } from '@neondatabase/serverless';
import { z } from 'zod';
import { signServiceToken } from '../../src/core/security/service-token.ts';
import type { Stack } from '../../src/local/stack.ts';
import { parseQuery } from '../../src/modules/ai/service/query-language.ts';

/** All vectors of the system, to compare one by one what search compares in its own ways. */
export interface ExactSearch {
  /** Names of the files with the passages nearest to the query, the best first, of those that are allowed. */
  nearest(query: string, allowed: (name: string) => boolean, most: number): Promise<string[]>;
}

const rowsSchema = z.array(z.object({ name: z.string(), embedding: z.string() }));
const vectorSchema = z.array(z.array(z.number()));
const PAGE = 2_000;

export async function readVectors(stack: Stack, ownerId: string): Promise<ExactSearch> {
  const {
    DATABASE_URL = '',
    DATABASE_FETCH_ENDPOINT,
    SIDECAR_URL = '',
    SERVICE_TOKEN_SECRET = '',
  } = stack.bindings;
  neonConfig.fetchEndpoint = DATABASE_FETCH_ENDPOINT ?? '';
  const sql = neon(DATABASE_URL);
  const owner = ownerId.slice('usr_'.length);
  const passages: { readonly name: string; readonly vector: Float32Array }[] = [];
  for (let offset = 0; ; offset += PAGE) {
    const rows = rowsSchema.parse(
      await sql.query(
        `select f.name, e.embedding::text as embedding from storage.files f
           join ai.embeddings e on e.version_id = f.current_version_id
         where f.created_by = $1::uuid order by e.version_id, e.index limit ${PAGE} offset ${offset}`,
        [owner],
      ),
    );
    for (const { name, embedding } of rows)
      passages.push({
        name: name.replace(/\.txt$/, ''),
        vector: Float32Array.from(z.array(z.number()).parse(JSON.parse(embedding))),
      });
    if (rows.length < PAGE) break;
  }

  async function vectorOf(query: string): Promise<Float32Array> {
    const token = await signServiceToken(SERVICE_TOKEN_SECRET, 'ai', 'sidecar', new Date());
    const response = await fetch(new URL('/v1/models/feature-extraction', SIDECAR_URL), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      // What search asks the model about: the query without its operators and loose signs.
      body: JSON.stringify({ inputs: [parseQuery(query).meaning], prompt_name: 'query' }),
      signal: AbortSignal.timeout(30_000),
    });
    return Float32Array.from(vectorSchema.parse(await response.json())[0] ?? []);
  }

  return {
    async nearest(query, allowed, most) {
      const wanted = await vectorOf(query);
      const best = new Map<string, number>();
      for (const { name, vector } of passages) {
        if (!allowed(name)) continue;
        const score = vector.reduce((sum, value, at) => sum + value * (wanted[at] ?? 0), 0);
        if (score > (best.get(name) ?? -Infinity)) best.set(name, score);
      }
      return [...best]
        .toSorted(([, a], [, b]) => b - a)
        .slice(0, most)
        .map(([name]) => name);
    },
  };
}
