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
-- Of an older installation. The list first: an index cannot be made while its table is being read.
DO $$
DECLARE
  known text;
BEGIN
  FOREACH known IN ARRAY coalesce(
    (SELECT array_agg(DISTINCT vector_dims(e.embedding) || ' ' || e.model) FROM ai.embeddings e), '{}')
  LOOP
    PERFORM ai.add_embedding_model(substr(known, strpos(known, ' ') + 1), split_part(known, ' ', 1)::integer);
  END LOOP;
END
$$;
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
  SELECT v.id AS version_id, v.file_id, f.drive_id, v.number, v.size, v.content_type, v.created_at, o.sha256,
    o.state AS content
  FROM storage.versions v
    JOIN storage.files f ON f.id = v.file_id
    JOIN storage.objects o ON o.id = v.object_id;
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
--> statement-breakpoint
-- Owned by storage: what a user may do in the root of a drive, which need not have a row yet; null: it is not there.
CREATE FUNCTION storage.rank_in_drive(user_id uuid, drive_id uuid, kind text) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT CASE rank_in_drive.kind
    WHEN 'person' THEN CASE WHEN rank_in_drive.drive_id = rank_in_drive.user_id THEN 4 END
    ELSE storage.shared_rank_in(rank_in_drive.user_id, rank_in_drive.drive_id, rank_in_drive.drive_id) END
$$;
--> statement-breakpoint
-- Owned by auth: whether an account is active and its role in the deployment permits something, at this moment.
CREATE FUNCTION auth.may(user_id uuid, permission text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT EXISTS (SELECT FROM auth.users u JOIN auth.roles r ON r.scope = 'deployment' AND r.name = u.role
    WHERE u.id = may.user_id AND u.deleted_at IS NULL AND u.disabled_at IS NULL AND may.permission = ANY (r.permissions))
$$;
--> statement-breakpoint
-- What a version of a file is filed under: what the classification step found, and over it what people have said in
-- the drive that the file is in. Labels of other drives, and labels that are gone, do not count.
CREATE FUNCTION ai.categories_of(version_id uuid, file_id uuid)
RETURNS TABLE (label text, name text, score real, corrected boolean)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH said AS (
    SELECT e.label, e.positive FROM ai.label_examples e
    JOIN storage.file_facts f ON f.file_id = e.file_id AND f.drive_id = e.drive_id
    WHERE e.file_id = categories_of.file_id
  ), found AS (
    SELECT s.label, 1::real AS score, true AS corrected FROM said s WHERE s.positive
    UNION ALL
    SELECT c.label, c.score, false FROM ai.categories c
    WHERE c.version_id = categories_of.version_id AND NOT EXISTS (SELECT FROM said s WHERE s.label = c.label)
      AND NOT EXISTS (SELECT FROM ai.plugin_settings p JOIN storage.file_facts f ON f.drive_id = p.drive_id
        WHERE f.file_id = categories_of.file_id AND p.plugin = 'classification' AND NOT p.enabled)
  )
  SELECT f.label, coalesce(l.name, f.label), f.score, f.corrected
  FROM found f LEFT JOIN (
    SELECT 'lbl_' || replace(l.id::text, '-', '') AS label, l.name FROM ai.labels l
    JOIN storage.file_facts facts ON facts.drive_id = l.drive_id WHERE facts.file_id = categories_of.file_id
  ) l ON l.label = f.label
  WHERE l.label IS NOT NULL OR f.label NOT LIKE 'lbl\_%'
$$;
--> statement-breakpoint
-- Asks for every rule that the categories of a file's current version reach; each acts once on a version.
CREATE FUNCTION ai.ask_rules(version_id uuid) RETURNS void
LANGUAGE sql VOLATILE
AS $$
  INSERT INTO ai.rule_runs (rule_id, version_id)
  SELECT r.id, f.version_id
  FROM storage.file_facts f
    JOIN ai.analyses a ON a.version_id = f.version_id
    JOIN ai.rules r ON r.drive_id = f.drive_id AND r.enabled
    JOIN LATERAL ai.categories_of(f.version_id, f.file_id) c ON c.label = r.label AND c.score >= r.min_score
  WHERE f.version_id = ask_rules.version_id
  ON CONFLICT DO NOTHING
$$;
--> statement-breakpoint
CREATE INDEX rule_runs_pending_idx ON ai.rule_runs (updated_at) WHERE state = 'pending';
--> statement-breakpoint
-- Results of analysis steps that a drive shows: what it has switched off is kept, but not shown.
CREATE FUNCTION ai.shown_results(results jsonb, drive_id uuid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT shown_results.results - coalesce((SELECT array_agg(p.plugin) FROM ai.plugin_settings p
    WHERE p.drive_id = shown_results.drive_id AND NOT p.enabled), '{}'::text[])
$$;
--> statement-breakpoint
-- Owned by storage: a file or folder that is neither in the trash nor gone.
CREATE FUNCTION storage.is_live(file_id uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT EXISTS (SELECT FROM storage.files f WHERE f.id = is_live.file_id AND f.trashed_at IS NULL) $$;
--> statement-breakpoint
-- Of files with the same content.
CREATE INDEX objects_sha256_idx ON storage.objects (sha256) WHERE sha256 IS NOT NULL;
--> statement-breakpoint
-- Owned by storage: the live files and folders that a user may change, each with its current version.
CREATE FUNCTION storage.editable_files(user_id uuid) RETURNS TABLE (file_id uuid, version_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT f.id, f.current_version_id
  FROM storage.visible_scopes(editable_files.user_id) s JOIN storage.files f ON f.scope_id = s.scope_id
  WHERE f.trashed_at IS NULL AND s.rank >= 3
$$;

--> statement-breakpoint
-- THE way to ask for work on versions, due at once: what was asked for before stays asked for, and `run` grows, so that
-- what a worker is at is not taken for it. New text makes new vectors and steps due; of what could not be read before,
-- everything is. A version that is ready stays so meanwhile. Answers for the versions that storage still has.
CREATE FUNCTION ai.request_work(version_ids uuid[], stages text[], priority integer) RETURNS TABLE (version_id uuid, run integer)
LANGUAGE sql VOLATILE
AS $$
  INSERT INTO ai.analyses AS a (version_id, file_id, priority)
  SELECT v.version_id, v.file_id, request_work.priority::smallint FROM storage.version_facts v
  WHERE v.version_id = ANY (request_work.version_ids) ORDER BY v.version_id
  ON CONFLICT (version_id) DO UPDATE SET
    todo = ARRAY(SELECT s.stage FROM unnest('{text,vectors,steps}'::text[]) WITH ORDINALITY s (stage, at)
      WHERE s.stage = ANY (a.todo || request_work.stages) OR 'text' = ANY (request_work.stages)
        OR a.status IN ('failed', 'skipped')
      ORDER BY s.at),
    priority = CASE WHEN a.todo = '{}' THEN excluded.priority ELSE least(a.priority, excluded.priority) END,
    run = a.run + 1, attempts = 0, given_up_at = NULL, next_attempt_at = now(), updated_at = now(),
    reason = CASE WHEN a.lease_until IS NULL THEN NULL ELSE a.reason END,
    status = CASE WHEN a.status IN ('failed', 'skipped') THEN 'pending' ELSE a.status END
  RETURNING a.version_id, a.run
$$;
--> statement-breakpoint
-- Versions that are found by their vectors, in the drives that a choice of a model decides for: its own drive, or with
-- the nil UUID all that have not chosen. What is on its way to its first vectors gets those of whatever holds then.
CREATE FUNCTION ai.versions_under(drive_id uuid, task text) RETURNS TABLE (version_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT a.version_id FROM ai.analyses a JOIN storage.version_facts v ON v.version_id = a.version_id
  WHERE a.embedding_model IS NOT NULL AND CASE
    WHEN versions_under.drive_id = '00000000-0000-0000-0000-000000000000' THEN NOT EXISTS (
      SELECT FROM ai.model_choices c WHERE c.drive_id = v.drive_id AND c.task = versions_under.task)
    ELSE v.drive_id = versions_under.drive_id END
$$;
--> statement-breakpoint
-- Of those, the ones that still have to get their vectors of a model; what was given up since it was chosen is not
-- waited for.
CREATE FUNCTION ai.versions_without(drive_id uuid, model text) RETURNS TABLE (version_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT u.version_id FROM ai.versions_under(versions_without.drive_id, 'feature-extraction') u
    JOIN ai.analyses a ON a.version_id = u.version_id
  WHERE NOT EXISTS (SELECT FROM ai.document_vectors d
      WHERE d.version_id = u.version_id AND d.model = versions_without.model)
    AND (a.given_up_at IS NULL OR a.given_up_at < (SELECT c.changed_at FROM ai.model_choices c
      WHERE c.drive_id = versions_without.drive_id AND c.task = 'feature-extraction'))
$$;
--> statement-breakpoint
-- Owned by storage: the drives in which a user sees anything.
CREATE FUNCTION storage.visible_drives(user_id uuid) RETURNS TABLE (drive_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT DISTINCT sc.drive_id
  FROM storage.visible_scopes(visible_drives.user_id) v JOIN storage.scopes sc ON sc.id = v.scope_id
$$;
--> statement-breakpoint
-- Owned by storage: what a user could do with a file that is in the trash; null: it is not there, or not theirs to know.
CREATE FUNCTION storage.trashed_rank_on(user_id uuid, file_id uuid) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT storage.rank_in(trashed_rank_on.user_id, f.scope_id) FROM storage.files f
  WHERE f.id = trashed_rank_on.file_id AND f.trashed_at IS NOT NULL
$$;
