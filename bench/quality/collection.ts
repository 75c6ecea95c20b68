import { readFile } from 'node:fs/promises';
import { strFromU8, unzipSync } from 'fflate';
import { z } from 'zod';

/** A test collection in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/test.tsv in one zip. */
export interface Collection {
  readonly name: string;
  readonly documents: ReadonlyMap<string, string>;
  /** Queries that have judgements. */
  readonly queries: ReadonlyMap<string, string>;
  /** Query id -> document id -> grade. */
  readonly judgements: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

const documentSchema = z.object({ _id: z.string(), title: z.string().default(''), text: z.string() });
const querySchema = z.object({ _id: z.string(), text: z.string() });

export async function readCollection(path: string, name: string): Promise<Collection> {
  const files = unzipSync(await readFile(path));
  const text = (file: string) => strFromU8(files[`${name}/${file}`] ?? new Uint8Array());
  const lines = (file: string) =>
    text(file)
      .split('\n')
      .filter((line) => line.trim() !== '');
  const documents = new Map(
    lines('corpus.jsonl')
      .map((line) => documentSchema.parse(JSON.parse(line)))
      .map(({ _id, title, text: body }) => [_id, `${title}\n\n${body}`.trim()]),
  );
  const judgements = new Map<string, Map<string, number>>();
  for (const line of lines('qrels/test.tsv').slice(1)) {
    const [query = '', document = '', grade = '0'] = line.split('\t');
    if (Number(grade) > 0)
      judgements.set(query, (judgements.get(query) ?? new Map()).set(document, Number(grade)));
  }
  const queries = new Map(
    lines('queries.jsonl')
      .map((line) => querySchema.parse(JSON.parse(line)))
      .filter(({ _id }) => judgements.has(_id))
      .map(({ _id, text: question }) => [_id, question]),
  );
  return { name, documents, queries, judgements };
}
