import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { TEXT_SEARCH } from './text-search.ts';

export const TEST_MODEL = 'test-model';

export interface TestFile {
  readonly fileId: string;
  readonly versionId: string;
}

export interface TestFileOptions {
  readonly name?: string;
  readonly parentId?: string;
  readonly contentType?: string;
  readonly size?: number;
  readonly tags?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly createdBy?: string;
}

const uuid = (id: string): SQL => sql`${idToUuid(id)}::uuid`;

export interface TestContent {
  readonly texts: readonly string[];
  readonly vectors?: readonly (readonly number[])[] | undefined;
}

/** Puts files and what is known of them into the tables, without anybody who reads or embeds. */
export function createTestIndex(db: Database) {
  const drive = (owner: string) => db.execute(sql`select storage.ensure_drive(${uuid(owner)}, 'person')`);

  const putObject = (versionId: string, size: number) => sql`
    insert into storage.objects (id, key, size, sha256, etag, encryption)
    values (${uuid(versionId)}, ${versionId}, ${size}, ${versionId.slice(4).repeat(2)}, 'x', 'none')`;

  const putFile = (owner: string, { fileId, versionId }: TestFile, options: TestFileOptions): SQL => {
    const {
      name = fileId,
      parentId,
      contentType = 'text/plain',
      size = 1,
      tags = [],
      metadata = {},
    } = options;
    const by = uuid(options.createdBy ?? owner);
    const scope =
      parentId === undefined
        ? uuid(owner)
        : sql`(select f.scope_id from storage.files f where f.id = ${uuid(parentId)})`;
    return sql`
      with o as (${putObject(versionId, size)}), f as (
        insert into storage.files (id, drive_id, scope_id, parent_id, kind, name, name_key, current_version_id,
          version_count, created_by, size, tags, metadata)
        values (${uuid(fileId)}, ${uuid(owner)}, ${scope}, ${parentId === undefined ? sql`null` : uuid(parentId)}, 'file',
          ${name}, lower(${name}), ${uuid(versionId)}, 1, ${by}, ${size}, ${sql.param([...tags])}::text[],
          ${JSON.stringify(metadata)}::jsonb)
      )
      insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, created_by)
      values (${uuid(versionId)}, ${uuid(fileId)}, ${uuid(owner)}, 1, ${uuid(versionId)}, ${size}, ${contentType}, ${by})`;
  };

  const putAnalysis = ({ fileId, versionId }: TestFile, ready: boolean, chunkCount: number): SQL => sql`
    insert into ai.analyses (version_id, file_id, status, todo, embedding_model, chunk_count, word_count, language)
    values (${uuid(versionId)}, ${uuid(fileId)}, ${ready ? 'ready' : 'pending'}, '{}',
      ${ready ? TEST_MODEL : null}, ${chunkCount}, 0, 'en')`;

  const putChunks = ({ versionId }: TestFile, texts: readonly string[]): SQL => sql`
    with put as (
      insert into ai.chunks (version_id, index, start_offset, end_offset, text, lexemes, length)
      select ${uuid(versionId)}, n - 1, (n - 1) * 10000, (n - 1) * 10000 + char_length(t), t, to_tsvector(${TEXT_SEARCH}, t),
        (select coalesce(sum(cardinality(l.positions)), 0) from unnest(to_tsvector(${TEXT_SEARCH}, t)) l)
      from unnest(${sql.param([...texts])}::text[]) with ordinality as passage (t, n)
      returning length
    ) update ai.analyses set word_count = (select sum(length) from put) where version_id = ${uuid(versionId)}`;

  const putVectors = (
    { versionId }: TestFile,
    vectors: readonly (readonly number[])[],
    model: string,
  ): SQL => sql`
    insert into ai.embeddings (model, version_id, index, embedding)
    select ${model}, ${uuid(versionId)}, n - 1, v::vector
    from unnest(${sql.param(vectors.map((vector) => JSON.stringify(vector)))}::text[]) with ordinality as given (v, n)`;

  const putVersion = (owner: string, { fileId, versionId }: TestFile): SQL => sql`
    with o as (${putObject(versionId, 1)}), v as (
      insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, created_by)
      values (${uuid(versionId)}, ${uuid(fileId)}, ${uuid(owner)},
        (select version_count + 1 from storage.files where id = ${uuid(fileId)}), ${uuid(versionId)}, 1, 'text/plain',
        ${uuid(owner)})
    )
    update storage.files set current_version_id = ${uuid(versionId)}, version_count = version_count + 1,
      updated_at = now() where id = ${uuid(fileId)}`;

  /** What makes a version found by its words, and with vectors, one for each text, by its meaning. */
  const content = (file: TestFile, { texts, vectors }: TestContent): SQL[] => [
    putAnalysis(file, vectors !== undefined, texts.length),
    ...(texts.length === 0 ? [] : [putChunks(file, texts)]),
    ...(vectors === undefined ? [] : [putVectors(file, vectors, TEST_MODEL)]),
  ];
  const run = async (statements: readonly SQL[]): Promise<void> => {
    const [first, ...rest] = statements.map((statement) => db.execute(statement));
    if (first !== undefined) await db.batch([first, ...rest]);
  };

  return {
    run,
    statements: { putFile, putVersion, content },
    /** In storage only: nobody has looked at it yet. */
    async addFile(owner: string, options: TestFileOptions = {}): Promise<TestFile> {
      const file = { fileId: newId('file'), versionId: newId('ver') };
      await drive(owner);
      await run([putFile(owner, file, options)]);
      return file;
    },
    async add(
      owner: string,
      texts: readonly string[],
      vectors?: TestContent['vectors'],
      options: TestFileOptions = {},
    ): Promise<TestFile> {
      const file = { fileId: newId('file'), versionId: newId('ver') };
      await drive(owner);
      await run([putFile(owner, file, options), ...content(file, { texts, vectors })]);
      return file;
    },
    /** A new version of a file; without texts, one that nobody has looked at. */
    async edit(
      owner: string,
      fileId: string,
      texts?: readonly string[],
      vectors?: TestContent['vectors'],
    ): Promise<TestFile> {
      const file = { fileId, versionId: newId('ver') };
      await run([putVersion(owner, file), ...(texts === undefined ? [] : content(file, { texts, vectors }))]);
      return file;
    },
    async addFolder(owner: string, name: string, parentId?: string): Promise<string> {
      const id = newId('file');
      const scope =
        parentId === undefined
          ? uuid(owner)
          : sql`(select f.scope_id from storage.files f where f.id = ${uuid(parentId)})`;
      await db.batch([
        drive(owner),
        db.execute(sql`
          insert into storage.files (id, drive_id, scope_id, parent_id, kind, name, name_key, created_by)
          values (${uuid(id)}, ${uuid(owner)}, ${scope}, ${parentId === undefined ? sql`null` : uuid(parentId)}, 'folder',
            ${name}, lower(${name}), ${uuid(owner)})`),
      ]);
      return id;
    },
    trash: (fileId: string) =>
      db.execute(
        sql`update storage.files set trashed_at = now(), trash_root_id = id where id = ${uuid(fileId)}`,
      ),
  };
}
