-- Functions of the AI processor, and what storage publishes for it (docs/decisions/0003).

CREATE EXTENSION IF NOT EXISTS pg_trgm;
--> statement-breakpoint
-- What was analysed before there were analysis steps gets them, in its turn.
UPDATE ai.analyses SET
  todo = CASE status WHEN 'ready' THEN '{steps}'::text[] WHEN 'failed' THEN '{}' WHEN 'skipped' THEN '{}' ELSE todo END,
  priority = CASE status WHEN 'ready' THEN 1 ELSE 0 END;
--> statement-breakpoint
-- A vector space, with an index over its own rows: another model, another dimension, another index.
CREATE FUNCTION ai.add_embedding_model(model text, dimensions integer) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO ai.embedding_models (model, dimensions) VALUES (add_embedding_model.model, add_embedding_model.dimensions)
    ON CONFLICT DO NOTHING;
  -- pgvector indexes up to 2,000 dimensions; a larger space is compared one by one.
  IF add_embedding_model.dimensions <= 2000 THEN
    EXECUTE format(
      'CREATE INDEX IF NOT EXISTS %I ON ai.embeddings USING hnsw ((embedding::vector(%s)) vector_cosine_ops) WHERE model = %L',
      'embeddings_hnsw_' || left(md5(add_embedding_model.model), 12), add_embedding_model.dimensions, add_embedding_model.model);
  END IF;
END
$$;
--> statement-breakpoint
-- Its index; its rows are deleted by whoever asks for this, a piece at a time.
CREATE FUNCTION ai.drop_embedding_model(model text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  EXECUTE format('DROP INDEX IF EXISTS ai.%I', 'embeddings_hnsw_' || left(md5(drop_embedding_model.model), 12));
  DELETE FROM ai.embedding_models m WHERE m.model = drop_embedding_model.model;
END
$$;
--> statement-breakpoint
SELECT ai.add_embedding_model(e.model, vector_dims(e.embedding)) FROM (
  SELECT DISTINCT ON (e.model) e.model, e.embedding FROM ai.embeddings e ORDER BY e.model
) e;
--> statement-breakpoint
SELECT ai.add_embedding_model(known.model, 384)
FROM (VALUES ('all-MiniLM-L6-v2'), ('bge-small-en-v1.5')) known (model);
--> statement-breakpoint
-- The model that does a task in a drive: the drive's choice, else the deployment's; null before there is one.
CREATE FUNCTION ai.model_for(drive_id uuid, task text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT c.model FROM ai.model_choices c
  WHERE c.task = model_for.task
    AND c.drive_id IN (model_for.drive_id, '00000000-0000-0000-0000-000000000000')
  ORDER BY c.drive_id DESC LIMIT 1
$$;
--> statement-breakpoint
-- Words of a name, for search: 'Budget_2026-final.xlsx' has four.
CREATE FUNCTION storage.name_words(name text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT to_tsvector('english'::regconfig, regexp_replace(name, '[^[:alnum:]]+', ' ', 'g')) $$;
--> statement-breakpoint
CREATE INDEX files_name_words_idx ON storage.files USING gin (storage.name_words(name));
--> statement-breakpoint
CREATE INDEX files_name_trgm_idx ON storage.files USING gin (name_key gin_trgm_ops);
--> statement-breakpoint
CREATE INDEX files_tags_idx ON storage.files USING gin (tags);
--> statement-breakpoint
-- Owned by storage: what search filters and counts by. Says nothing about who may see a file: join `visible_files`.
CREATE VIEW storage.file_facts AS
  SELECT f.id AS file_id, f.current_version_id AS version_id, f.drive_id, f.parent_id, f.name, f.name_key, f.tags,
    f.metadata, f.created_by, f.created_at, f.updated_at, f.size, v.content_type, v.number, o.sha256, o.state AS content
  FROM storage.files f
    JOIN storage.versions v ON v.id = f.current_version_id
    JOIN storage.objects o ON o.id = v.object_id
  WHERE f.kind = 'file';
--> statement-breakpoint
-- Owned by storage: the same of any version. Its file may be in the trash, or gone from the caller's sight: see above.
CREATE VIEW storage.version_facts AS
  SELECT v.id AS version_id, v.file_id, v.number, v.size, v.content_type, v.created_at, o.sha256, o.state AS content
  FROM storage.versions v JOIN storage.objects o ON o.id = v.object_id;
--> statement-breakpoint
-- Owned by storage: every version of the live files that a user may see; with a time, the one that was current then.
CREATE FUNCTION storage.visible_versions(user_id uuid, as_of timestamptz) RETURNS TABLE (file_id uuid, version_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT v.file_id, v.id
  FROM storage.visible_files(visible_versions.user_id) seen JOIN storage.versions v ON v.file_id = seen.file_id
  WHERE visible_versions.as_of IS NULL
    OR v.id = (SELECT w.id FROM storage.versions w
      WHERE w.file_id = seen.file_id AND w.created_at <= visible_versions.as_of ORDER BY w.number DESC LIMIT 1)
$$;
--> statement-breakpoint
-- Owned by storage: a folder and everything live below it.
CREATE FUNCTION storage.subtree(root_id uuid) RETURNS TABLE (file_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH RECURSIVE below (id) AS (
    SELECT f.id FROM storage.files f WHERE f.id = subtree.root_id
    UNION ALL
    SELECT f.id FROM below JOIN storage.files f ON f.parent_id = below.id WHERE f.trashed_at IS NULL
  )
  SELECT below.id FROM below
$$;
--> statement-breakpoint
-- Owned by storage: what a user may do with one live file: 1 viewer to 4 manager; null: it is not there for them.
CREATE FUNCTION storage.rank_on(user_id uuid, file_id uuid) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT storage.rank_in(rank_on.user_id, f.scope_id) FROM storage.files f
  WHERE f.id = rank_on.file_id AND f.trashed_at IS NULL
$$;
--> statement-breakpoint
UPDATE auth.roles SET permissions = permissions || '{models:write}'::text[]
WHERE scope = 'deployment' AND name = 'admin' AND NOT permissions @> '{models:write}';
