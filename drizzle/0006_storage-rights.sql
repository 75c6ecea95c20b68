-- Who may see and do what with files, what is counted, and what is told to whom. Each has one definition, here, and
-- takes effect with the commit that changes it (docs/decisions/0003 and 0018).

-- What a workspace gives its members in its drive.
UPDATE auth.roles SET permissions = permissions || '{files:read,files:write,files:manage}'::text[]
  WHERE scope = 'workspace' AND name IN ('owner', 'admin');
--> statement-breakpoint
UPDATE auth.roles SET permissions = permissions || '{files:read,files:write}'::text[]
  WHERE scope = 'workspace' AND name = 'member';
--> statement-breakpoint
UPDATE auth.roles SET permissions = permissions || '{files:read}'::text[]
  WHERE scope = 'workspace' AND name = 'viewer';
--> statement-breakpoint
-- Owned by auth: what people, groups and workspaces are called; nobody who is gone.
CREATE FUNCTION auth.principals(ids uuid[]) RETURNS TABLE (id uuid, kind text, name text, email text)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT u.id, 'user', u.name, u.email FROM auth.users u WHERE u.id = ANY (ids) AND u.deleted_at IS NULL
  UNION ALL
  SELECT w.id, 'workspace', w.name, NULL FROM auth.workspaces w WHERE w.id = ANY (ids) AND w.deleted_at IS NULL
  UNION ALL
  SELECT g.id, 'group', g.name, NULL FROM auth.groups g
    JOIN auth.workspaces w ON w.id = g.workspace_id AND w.deleted_at IS NULL WHERE g.id = ANY (ids)
$$;
--> statement-breakpoint
-- Owned by auth: a group's workspace, whose members may share with it.
CREATE FUNCTION auth.workspace_of_group(group_id uuid) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT g.workspace_id FROM auth.groups g WHERE g.id = group_id $$;
--> statement-breakpoint
-- Owned by auth: the live account of an address.
CREATE FUNCTION auth.user_of_email(email text) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT u.id FROM auth.users u
  WHERE lower(u.email) = lower(user_of_email.email) AND u.deleted_at IS NULL AND u.disabled_at IS NULL
$$;
--> statement-breakpoint
CREATE FUNCTION storage.rank_of(role text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT array_position('{none,viewer,commenter,editor,manager}'::text[], role) - 1 $$;
--> statement-breakpoint
CREATE FUNCTION storage.role_of(rank integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ('{viewer,commenter,editor,manager}'::text[])[rank] $$;
--> statement-breakpoint
-- The scope itself and those around it, the nearest first.
CREATE FUNCTION storage.scopes_above(scope_id uuid) RETURNS TABLE (id uuid, drive_id uuid, distance integer)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH RECURSIVE above (id, drive_id, parent_id, distance) AS (
    SELECT s.id, s.drive_id, s.parent_id, 0 FROM storage.scopes s WHERE s.id = scope_id
    UNION ALL
    SELECT s.id, s.drive_id, s.parent_id, above.distance + 1
    FROM above JOIN storage.scopes s ON s.id = above.parent_id
  )
  SELECT above.id, above.drive_id, above.distance FROM above
$$;
--> statement-breakpoint
-- Every rule that gives or takes a right in a scope, for everybody: what `rank_in` decides by and what is shown to
-- people. Of each principal the nearest rule counts; `distance` is null for what a workspace gives its members.
CREATE FUNCTION storage.rules_in(scope_id uuid)
RETURNS TABLE (principal_id uuid, principal_kind text, rank integer, distance integer, file_id uuid, grant_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT DISTINCT ON (g.principal_id)
    g.principal_id, g.principal_kind, storage.rank_of(g.role), above.distance, g.file_id, g.id
  FROM storage.scopes_above(scope_id) above
    JOIN storage.grants g ON g.file_id = above.id AND (g.expires_at IS NULL OR g.expires_at > now())
  ORDER BY g.principal_id, above.distance
$$;
--> statement-breakpoint
-- What a workspace's role gives in its drive.
CREATE FUNCTION storage.member_rank(permissions text[]) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT CASE
    WHEN 'files:manage' = ANY (permissions) THEN 4
    WHEN 'files:write' = ANY (permissions) THEN 3
    WHEN 'files:read' = ANY (permissions) THEN 1
    ELSE 0 END
$$;
--> statement-breakpoint
-- What a user may do in a drive that is not theirs, as a rank; null for nothing. The rule of decision 0018: of each
-- principal the nearest grant counts; a grant to the person decides over grants to their groups and workspaces at the
-- same place and above; of what is left the highest. Whoever manages the workspace manages its drive.
CREATE FUNCTION storage.shared_rank_in(user_id uuid, scope_id uuid, drive_id uuid) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH member AS (
    SELECT storage.member_rank(a.permissions) AS rank
    FROM auth.workspace_authority(shared_rank_in.user_id, shared_rank_in.drive_id) a
  ), granted AS (
    SELECT r.principal_id, r.rank, r.distance FROM storage.rules_in(shared_rank_in.scope_id) r
    WHERE r.principal_id IN (SELECT p.principal_id FROM auth.principals_of(shared_rank_in.user_id) p)
  ), counted AS (
    SELECT g.principal_id, g.rank, g.distance FROM granted g
    UNION ALL
    SELECT shared_rank_in.drive_id, m.rank, 1000000 FROM member m
    WHERE NOT EXISTS (SELECT FROM granted g WHERE g.principal_id = shared_rank_in.drive_id)
  )
  SELECT nullif(greatest(
    (SELECT m.rank FROM member m WHERE m.rank = 4),
    (SELECT max(c.rank) FROM counted c
      WHERE c.principal_id = shared_rank_in.user_id
        OR c.distance < coalesce((SELECT g.distance FROM granted g WHERE g.principal_id = shared_rank_in.user_id), 1000001))
  ), 0)
$$;
--> statement-breakpoint
-- THE definition of what a user may do: 1 viewer, 2 commenter, 3 editor, 4 manager; null: it is not there for them.
CREATE FUNCTION storage.rank_in(user_id uuid, scope_id uuid) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT CASE WHEN s.drive_id = rank_in.user_id THEN 4
    ELSE storage.shared_rank_in(rank_in.user_id, s.id, s.drive_id) END
  FROM storage.scopes s WHERE s.id = rank_in.scope_id
$$;
--> statement-breakpoint
-- The scopes that a user can see anything in: those that could be, then the definition above.
CREATE FUNCTION storage.visible_scopes(user_id uuid) RETURNS TABLE (scope_id uuid, rank integer)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH RECURSIVE principals AS MATERIALIZED (
    SELECT p.principal_id FROM auth.principals_of(visible_scopes.user_id) p
  ), reached (id) AS (
    (SELECT s.id FROM storage.scopes s WHERE s.drive_id IN (SELECT p.principal_id FROM principals p)
     UNION
     SELECT g.file_id FROM storage.grants g
     WHERE g.principal_id IN (SELECT p.principal_id FROM principals p) AND g.role <> 'none')
    UNION
    SELECT s.id FROM reached JOIN storage.scopes s ON s.parent_id = reached.id
  ), ranked AS MATERIALIZED (
    SELECT r.id, storage.rank_in(visible_scopes.user_id, r.id) AS rank FROM reached r
  )
  SELECT r.id, r.rank FROM ranked r WHERE r.rank IS NOT NULL
$$;
--> statement-breakpoint
-- Owned by storage, for every module: the live files and folders that a user may see, with their current version.
CREATE OR REPLACE FUNCTION storage.visible_files(user_id uuid) RETURNS TABLE (file_id uuid, version_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT f.id, f.current_version_id
  FROM storage.visible_scopes(visible_files.user_id) s JOIN storage.files f ON f.scope_id = s.scope_id
  WHERE f.trashed_at IS NULL
$$;
--> statement-breakpoint
DROP FUNCTION storage.path_of(uuid);
--> statement-breakpoint
-- '/folder/name' from the topmost folder that this user may see: names above it are not theirs to know.
CREATE FUNCTION storage.path_for(user_id uuid, file_id uuid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH RECURSIVE up (id, parent_id, scope_id, name, distance) AS (
    SELECT f.id, f.parent_id, f.scope_id, f.name, 0 FROM storage.files f WHERE f.id = path_for.file_id
    UNION ALL
    SELECT f.id, f.parent_id, f.scope_id, f.name, up.distance + 1
    FROM up JOIN storage.files f ON f.id = up.parent_id
    WHERE f.scope_id = up.scope_id OR storage.rank_in(path_for.user_id, f.scope_id) IS NOT NULL
  )
  SELECT '/' || string_agg(up.name, '/' ORDER BY up.distance DESC) FROM up
$$;
--> statement-breakpoint
-- The same for whoever holds a link: from the folder that the link leads to.
CREATE FUNCTION storage.path_below(root_id uuid, file_id uuid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH RECURSIVE up (id, parent_id, name, distance) AS (
    SELECT f.id, f.parent_id, f.name, 0 FROM storage.files f WHERE f.id = path_below.file_id
    UNION ALL
    SELECT f.id, f.parent_id, f.name, up.distance + 1
    FROM up JOIN storage.files f ON f.id = up.parent_id WHERE up.id <> path_below.root_id
  )
  SELECT '/' || string_agg(up.name, '/' ORDER BY up.distance DESC) FROM up
$$;
--> statement-breakpoint
-- How many folders are above an entry, itself counted: 1 at the root; 0 for null.
CREATE FUNCTION storage.depth_of(file_id uuid) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH RECURSIVE up (parent_id) AS (
    SELECT f.parent_id FROM storage.files f WHERE f.id = depth_of.file_id
    UNION ALL
    SELECT f.parent_id FROM up JOIN storage.files f ON f.id = up.parent_id
  )
  SELECT count(*)::integer FROM up
$$;
--> statement-breakpoint
-- True for the entry itself and all that is below it: what a link leads to.
CREATE FUNCTION storage.is_below(file_id uuid, root_id uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH RECURSIVE up (id, parent_id) AS (
    SELECT f.id, f.parent_id FROM storage.files f WHERE f.id = is_below.file_id
    UNION ALL
    SELECT f.id, f.parent_id FROM up JOIN storage.files f ON f.id = up.parent_id WHERE up.id <> is_below.root_id
  )
  SELECT EXISTS (SELECT FROM up WHERE up.id = is_below.root_id)
$$;
--> statement-breakpoint
-- A drive and its scope come to be with the first thing that is put there.
CREATE FUNCTION storage.ensure_drive(id uuid, kind text) RETURNS void
LANGUAGE sql VOLATILE
AS $$
  INSERT INTO storage.drives (id, kind) VALUES (ensure_drive.id, ensure_drive.kind) ON CONFLICT DO NOTHING;
  INSERT INTO storage.scopes (id, drive_id) VALUES (ensure_drive.id, ensure_drive.id) ON CONFLICT DO NOTHING;
$$;
--> statement-breakpoint
-- A UUIDv7, for rows that are made by the database: sorts by time.
CREATE FUNCTION storage.new_id() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid
$$;
--> statement-breakpoint
-- The counts of a drive, and its generation, follow its rows: no way of writing can forget them.
CREATE FUNCTION storage.count_files() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    UPDATE storage.drives d SET generation = d.generation + 1, entry_count = d.entry_count + n.count
      FROM (SELECT drive_id, count(*) AS count FROM added GROUP BY drive_id) n WHERE d.id = n.drive_id;
  ELSIF TG_OP = 'DELETE' THEN
    UPDATE storage.drives d SET generation = d.generation + 1, entry_count = d.entry_count - n.count
      FROM (SELECT drive_id, count(*) AS count FROM removed GROUP BY drive_id) n WHERE d.id = n.drive_id;
  ELSE
    UPDATE storage.drives d SET generation = d.generation + 1, entry_count = d.entry_count + n.count
      FROM (SELECT drive_id, sum(one) AS count FROM (
        SELECT drive_id, 1 AS one FROM added UNION ALL SELECT drive_id, -1 FROM removed) each_row
        GROUP BY drive_id) n WHERE d.id = n.drive_id;
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER files_inserted AFTER INSERT ON storage.files
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION storage.count_files();
--> statement-breakpoint
CREATE TRIGGER files_updated AFTER UPDATE ON storage.files
  REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION storage.count_files();
--> statement-breakpoint
CREATE TRIGGER files_deleted AFTER DELETE ON storage.files
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION storage.count_files();
--> statement-breakpoint
CREATE FUNCTION storage.count_versions() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    UPDATE storage.drives d SET generation = d.generation + 1, used_bytes = d.used_bytes + n.bytes
      FROM (SELECT drive_id, sum(size) AS bytes FROM added GROUP BY drive_id) n WHERE d.id = n.drive_id;
  ELSIF TG_OP = 'DELETE' THEN
    UPDATE storage.drives d SET generation = d.generation + 1, used_bytes = d.used_bytes - n.bytes
      FROM (SELECT drive_id, sum(size) AS bytes FROM removed GROUP BY drive_id) n WHERE d.id = n.drive_id;
    -- Bytes go with the last row that names them. The lock waits for whoever is just naming them again.
    PERFORM FROM storage.objects o WHERE o.id IN (SELECT object_id FROM removed) FOR UPDATE;
    DELETE FROM storage.objects o WHERE o.id IN (SELECT object_id FROM removed)
      AND NOT EXISTS (SELECT FROM storage.versions v WHERE v.object_id = o.id);
  ELSE
    UPDATE storage.drives d SET generation = d.generation + 1, used_bytes = d.used_bytes + n.bytes
      FROM (SELECT drive_id, sum(size) AS bytes FROM (
        SELECT drive_id, size FROM added UNION ALL SELECT drive_id, -size FROM removed) each_row
        GROUP BY drive_id) n WHERE d.id = n.drive_id;
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER versions_inserted AFTER INSERT ON storage.versions
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION storage.count_versions();
--> statement-breakpoint
CREATE TRIGGER versions_updated AFTER UPDATE ON storage.versions
  REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION storage.count_versions();
--> statement-breakpoint
CREATE TRIGGER versions_deleted AFTER DELETE ON storage.versions
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION storage.count_versions();
--> statement-breakpoint
-- Previews go with their object; the bytes of both are asked to go.
CREATE FUNCTION storage.forget_previews() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  WITH gone AS (DELETE FROM storage.previews p WHERE p.object_id = OLD.id RETURNING p.preview_id)
  DELETE FROM storage.objects o USING gone WHERE o.id = gone.preview_id;
  RETURN OLD;
END
$$;
--> statement-breakpoint
CREATE TRIGGER objects_previews BEFORE DELETE ON storage.objects
  FOR EACH ROW EXECUTE FUNCTION storage.forget_previews();
--> statement-breakpoint
CREATE FUNCTION storage.ask_for_deletion() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO storage.object_deletions (object_key) SELECT key FROM removed ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER objects_deleted AFTER DELETE ON storage.objects
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION storage.ask_for_deletion();
--> statement-breakpoint
-- Who is told of an event: the drive's owner and whoever has a right in the scope, besides those the event names.
CREATE FUNCTION storage.tell() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO storage.changes (principal_id, transaction_id, event_id)
  SELECT told.principal_id, NEW.transaction_id, NEW.id FROM (
    SELECT NEW.drive_id AS principal_id
    UNION SELECT unnest(NEW.audience)
    UNION SELECT g.principal_id FROM storage.scopes_above(NEW.scope_id) above
      JOIN storage.grants g ON g.file_id = above.id AND g.role <> 'none'
  ) told WHERE told.principal_id IS NOT NULL;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER outbox_tell AFTER INSERT ON storage.outbox
  FOR EACH ROW EXECUTE FUNCTION storage.tell();
--> statement-breakpoint
-- Owned by auth: the roles that members of workspaces can have.
CREATE FUNCTION auth.workspace_roles() RETURNS TABLE (role text, permissions text[])
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT r.name, r.permissions FROM auth.roles r WHERE r.scope = 'workspace' $$;
--> statement-breakpoint
-- Owned by auth: whether somebody could sign in; who cannot, can share nothing either.
CREATE FUNCTION auth.is_active(user_id uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT EXISTS (SELECT FROM auth.users u
    WHERE u.id = is_active.user_id AND u.deleted_at IS NULL AND u.disabled_at IS NULL)
$$;
--> statement-breakpoint
-- Whose links work here: the maker's, for as long as the link stands and its maker may share what is asked for.
CREATE FUNCTION storage.link_reaches(link_id uuid, scope_id uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT EXISTS (SELECT FROM storage.links l
    WHERE l.id = link_reaches.link_id AND l.revoked_at IS NULL AND (l.expires_at IS NULL OR l.expires_at > now())
      AND auth.is_active(l.created_by) AND storage.rank_in(l.created_by, link_reaches.scope_id) >= 4)
$$;
--> statement-breakpoint
-- Rights are part of what answers show.
CREATE FUNCTION storage.count_grants() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE storage.drives d SET generation = d.generation + 1
    WHERE d.id IN (SELECT f.drive_id FROM touched t JOIN storage.files f ON f.id = t.file_id);
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER grants_inserted AFTER INSERT ON storage.grants
  REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION storage.count_grants();
--> statement-breakpoint
CREATE TRIGGER grants_updated AFTER UPDATE ON storage.grants
  REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION storage.count_grants();
--> statement-breakpoint
CREATE TRIGGER grants_deleted AFTER DELETE ON storage.grants
  REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION storage.count_grants();
