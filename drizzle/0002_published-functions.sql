-- The doors between modules inside the database (docs/decisions/0003). Each right has one definition, here,
-- and takes effect with the commit that changes it. All are plain SQL, so that the planner sees through them.

-- Owned by auth: everything a user acts as. Groups and workspaces join this list when they exist.
CREATE FUNCTION auth.principals_of(user_id uuid) RETURNS TABLE (principal_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT user_id $$;
--> statement-breakpoint
-- Owned by storage: the live files and folders that a user may see, each with its current version.
CREATE FUNCTION storage.visible_files(user_id uuid) RETURNS TABLE (file_id uuid, version_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT f.id, f.current_version_id
  FROM storage.files f
  WHERE f.trashed_at IS NULL
    AND f.owner_id IN (SELECT p.principal_id FROM auth.principals_of(user_id) p)
$$;
--> statement-breakpoint
-- Owned by storage: '/folder/name', from the root of the drive.
CREATE FUNCTION storage.path_of(file_id uuid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH RECURSIVE up (id, parent_id, name, depth) AS (
    SELECT f.id, f.parent_id, f.name, 0 FROM storage.files f WHERE f.id = file_id
    UNION ALL
    SELECT f.id, f.parent_id, f.name, up.depth + 1 FROM storage.files f JOIN up ON f.id = up.parent_id
  )
  SELECT '/' || string_agg(name, '/' ORDER BY depth DESC) FROM up
$$;
--> statement-breakpoint
-- Owned by the AI module: where the analysis of a version stands; no row means that it has not been noticed yet.
CREATE VIEW ai.version_analysis AS
  SELECT a.version_id, a.status, a.reason FROM ai.analyses a;
