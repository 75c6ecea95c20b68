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
    PERFORM FROM storage.objects o WHERE o.id IN (SELECT object_id FROM removed) ORDER BY o.id FOR UPDATE;
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
-- Who is told of an event: the drive's owner and whoever has a right in the scope, besides those the event names. Once for
-- all rows of a statement, which may be a hundred thousand of few scopes.
CREATE FUNCTION storage.tell() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  WITH rights AS MATERIALIZED (
    SELECT s.scope_id, r.principal_id
    FROM (SELECT DISTINCT a.scope_id FROM added a WHERE a.scope_id IS NOT NULL) s
      CROSS JOIN LATERAL storage.rules_in(s.scope_id) r
    WHERE r.rank > 0
  )
  INSERT INTO storage.changes (principal_id, transaction_id, event_id)
  SELECT a.drive_id, a.transaction_id, a.id FROM added a WHERE a.drive_id IS NOT NULL
  UNION SELECT told.principal_id, a.transaction_id, a.id FROM added a CROSS JOIN unnest(a.audience) told (principal_id)
    WHERE told.principal_id IS NOT NULL
  UNION SELECT r.principal_id, a.transaction_id, a.id FROM added a JOIN rights r ON r.scope_id = a.scope_id;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER outbox_tell AFTER INSERT ON storage.outbox
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION storage.tell();
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
--> statement-breakpoint
-- Owned by auth: which of these people and workspaces are gone for good, and since when.
CREATE FUNCTION auth.gone_since(ids uuid[]) RETURNS TABLE (id uuid, deleted_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT u.id, u.deleted_at FROM auth.users u WHERE u.deleted_at IS NOT NULL AND u.id = ANY (ids)
  UNION ALL
  SELECT w.id, w.deleted_at FROM auth.workspaces w WHERE w.deleted_at IS NOT NULL AND w.id = ANY (ids)
$$;
--> statement-breakpoint
CREATE INDEX files_drive_id_idx ON storage.files (drive_id, version_count);
--> statement-breakpoint
CREATE INDEX files_drive_trash_idx ON storage.files (drive_id, trashed_at, id) WHERE trash_root_id = id;
--> statement-breakpoint
CREATE INDEX files_trashed_at_idx ON storage.files (trashed_at) WHERE trash_root_id = id;
--> statement-breakpoint
-- The time in `trashed_at` of what was purged and only waits for its rows to be removed: nobody sees it any more.
CREATE FUNCTION storage.purged_at() RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT timestamptz 'epoch' $$;
--> statement-breakpoint
-- Entries whose folder goes come to the root of their drive. Who may do what with them stays as it is: the rules that
-- came from above become their own. Whoever calls this holds the lock of the drive.
CREATE FUNCTION storage.to_root(ids uuid[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  entry record;
  below uuid[];
BEGIN
  FOR entry IN SELECT f.id, f.drive_id, f.scope_id FROM storage.files f
    WHERE f.id = ANY (ids) AND f.scope_id <> f.drive_id ORDER BY f.id
  LOOP
    INSERT INTO storage.grants (id, file_id, principal_kind, principal_id, role, granted_by, expires_at)
      SELECT storage.new_id(), entry.id, g.principal_kind, g.principal_id, g.role, g.granted_by, g.expires_at
      FROM storage.rules_in(entry.scope_id) r JOIN storage.grants g ON g.id = r.grant_id
      ON CONFLICT DO NOTHING;
    INSERT INTO storage.scopes (id, drive_id, parent_id) VALUES (entry.id, entry.drive_id, entry.drive_id)
      ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id;
    IF entry.scope_id <> entry.id THEN
      WITH RECURSIVE tree (id) AS (
        SELECT entry.id
        UNION ALL
        SELECT f.id FROM tree JOIN storage.files f ON f.parent_id = tree.id
      ) SELECT array_agg(tree.id) INTO below FROM tree;
      UPDATE storage.files f SET scope_id = entry.id WHERE f.id = ANY (below) AND f.scope_id = entry.scope_id;
      UPDATE storage.scopes s SET parent_id = entry.id
        WHERE s.parent_id = entry.scope_id AND s.id = ANY (below) AND s.id <> entry.id;
    END IF;
  END LOOP;
  UPDATE storage.files f SET parent_id = NULL WHERE f.id = ANY (ids) AND f.parent_id IS NOT NULL;
END
$$;
--> statement-breakpoint
-- Removes entries that have nothing below them but what was put into the trash by itself, and tells who could see
-- them. Grants, links, favourites and comments go with them; bytes with the last version that names them.
CREATE FUNCTION storage.remove_entries(ids uuid[], actor_id uuid) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM storage.to_root(ARRAY(
    SELECT f.id FROM storage.files f WHERE f.parent_id = ANY (ids) AND f.id <> ALL (ids)));
  INSERT INTO storage.outbox (type, drive_id, scope_id, file_id, actor_id, audience)
    SELECT 'file.purged', f.drive_id, f.scope_id, f.id, remove_entries.actor_id, ARRAY(
      SELECT DISTINCT g.principal_id FROM storage.scopes_above(f.scope_id) above
        JOIN storage.grants g ON g.file_id = above.id AND g.role <> 'none')
    FROM storage.files f WHERE f.id = ANY (ids);
  WITH version AS (
    DELETE FROM storage.versions v WHERE v.file_id = ANY (ids)
  ), file AS (
    DELETE FROM storage.files f WHERE f.id = ANY (ids)
  )
  DELETE FROM storage.scopes s WHERE s.id = ANY (ids);
END
$$;
--> statement-breakpoint
-- Removes at most so many of the purged entries of a drive, the deepest first; says how many.
CREATE FUNCTION storage.remove_purged(drive_id uuid, most integer) RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
  actor uuid;
  root uuid;
  leaves uuid[];
  removed integer := 0;
BEGIN
  PERFORM FROM storage.drives d WHERE d.id = remove_purged.drive_id FOR NO KEY UPDATE;
  WHILE removed < most LOOP
    IF root IS NULL THEN
      SELECT f.id, f.trashed_by INTO root, actor FROM storage.files f
        WHERE f.drive_id = remove_purged.drive_id AND f.trash_root_id = f.id AND f.trashed_at = storage.purged_at()
        LIMIT 1;
      EXIT WHEN root IS NULL;
    END IF;
    SELECT array_agg(leaf.id) INTO leaves FROM (
      SELECT f.id FROM storage.files f
        WHERE f.trash_root_id = root AND f.trashed_at IS NOT NULL AND NOT EXISTS (
          SELECT FROM storage.files c WHERE c.parent_id = f.id AND c.trash_root_id = root)
        LIMIT most - removed) leaf;
    EXIT WHEN leaves IS NULL;
    PERFORM storage.remove_entries(leaves, actor);
    removed := removed + cardinality(leaves);
    IF root = ANY (leaves) THEN root := NULL; END IF;
  END LOOP;
  RETURN removed;
END
$$;
--> statement-breakpoint
-- Of a drive whose owner is gone: removes at most so many of all its entries; says how many.
CREATE FUNCTION storage.remove_from_drive(drive_id uuid, most integer) RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
  leaves uuid[];
  removed integer := 0;
BEGIN
  PERFORM FROM storage.drives d WHERE d.id = remove_from_drive.drive_id FOR NO KEY UPDATE;
  WHILE removed < most LOOP
    SELECT array_agg(leaf.id) INTO leaves FROM (
      SELECT f.id FROM storage.files f WHERE f.drive_id = remove_from_drive.drive_id
        AND NOT EXISTS (SELECT FROM storage.files c WHERE c.parent_id = f.id)
        LIMIT most - removed) leaf;
    EXIT WHEN leaves IS NULL;
    PERFORM storage.remove_entries(leaves, NULL);
    removed := removed + cardinality(leaves);
  END LOOP;
  RETURN removed;
END
$$;
--> statement-breakpoint
-- Owned by ai: how far it has read the outbox; no row before it has begun. Nothing beyond it is thrown away.
CREATE FUNCTION ai.events_read() RETURNS TABLE (transaction_id xid8, event_id bigint)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT c.transaction_id, c.event_id FROM ai.cursors c WHERE c.name = 'storage' $$;
--> statement-breakpoint
INSERT INTO storage.cursors (name, transaction_id, event_id) VALUES ('webhooks', '0', 0);
--> statement-breakpoint
-- What decides whether somebody's membership or limited rights have changed since they last asked: the feed tells of
-- files, and those are no change of a file.
CREATE FUNCTION storage.standing_of(user_id uuid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT left(md5(string_agg(part, ',' ORDER BY part)), 12) FROM (
    SELECT p.principal_id::text || coalesce((
        SELECT storage.member_rank(a.permissions)::text
        FROM auth.workspace_authority(standing_of.user_id, p.principal_id) a), '') AS part
      FROM auth.principals_of(standing_of.user_id) p
    UNION ALL
    SELECT g.id::text FROM storage.grants g
      WHERE g.expires_at > now() AND g.principal_id IN (SELECT p.principal_id FROM auth.principals_of(standing_of.user_id) p)
  ) parts
$$;
--> statement-breakpoint
CREATE INDEX webhook_deliveries_webhook_due_idx ON storage.webhook_deliveries (webhook_id, next_attempt_at)
  WHERE state = 'pending';
--> statement-breakpoint
-- Whether a webhook speaks at this moment: it is on, and who made it may still manage the drive.
CREATE FUNCTION storage.webhook_speaks(webhook_id uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT EXISTS (SELECT FROM storage.webhooks w WHERE w.id = webhook_speaks.webhook_id AND w.active
    AND auth.is_active(w.created_by) AND storage.rank_in(w.created_by, w.drive_id) >= 4)
$$;
--> statement-breakpoint
-- What answers show besides the rows of files and versions moves the generation of the drive too, so that a remembered
-- answer of an earlier generation is never found again (docs/decisions/0021).
CREATE FUNCTION storage.touch_drives(drive_ids uuid[]) RETURNS void
LANGUAGE sql VOLATILE
AS $$ UPDATE storage.drives d SET generation = d.generation + 1 WHERE d.id = ANY (drive_ids) $$;
--> statement-breakpoint
CREATE FUNCTION storage.touch_of_file() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM storage.touch_drives(ARRAY(SELECT f.drive_id FROM storage.files f WHERE f.id = coalesce(NEW.file_id, OLD.file_id)));
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER favourites_touch AFTER INSERT OR DELETE ON storage.favourites
  FOR EACH ROW EXECUTE FUNCTION storage.touch_of_file();
--> statement-breakpoint
CREATE TRIGGER analyses_touch AFTER INSERT OR UPDATE OF status, reason ON ai.analyses
  FOR EACH ROW EXECUTE FUNCTION storage.touch_of_file();
--> statement-breakpoint
CREATE FUNCTION storage.touch_of_object() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM storage.touch_drives(ARRAY(SELECT DISTINCT v.drive_id FROM storage.versions v WHERE v.object_id = NEW.id));
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE TRIGGER objects_touch AFTER UPDATE OF sha256, state ON storage.objects
  FOR EACH ROW EXECUTE FUNCTION storage.touch_of_object();
--> statement-breakpoint
-- How far work has come that goes through the whole bucket, or writes into it: the sweep, the journal.
CREATE TABLE storage.upkeep (
  name text PRIMARY KEY,
  state jsonb NOT NULL
);
--> statement-breakpoint
INSERT INTO storage.cursors (name, transaction_id, event_id) VALUES ('journal', '0', 0);
--> statement-breakpoint
-- Keys are compared with a listing of the bucket, which is in binary order.
CREATE INDEX objects_key_binary_idx ON storage.objects (key COLLATE "C");
--> statement-breakpoint
CREATE INDEX objects_refused_idx ON storage.objects (key COLLATE "C") WHERE state <> 'live';
--> statement-breakpoint
CREATE INDEX objects_wrapped_idx ON storage.objects (wrapped_key COLLATE "C") WHERE wrapped_key IS NOT NULL;
--> statement-breakpoint
CREATE INDEX uploads_tail_key_idx ON storage.uploads (tail_key) WHERE tail_key IS NOT NULL;
--> statement-breakpoint
CREATE INDEX orphans_first_seen_at_idx ON storage.orphans (first_seen_at);
--> statement-breakpoint
-- Whether anything needs what lies under a key of the bucket. The key of an object's data key (`keys/…`) is needed as long
-- as the object is there, and its data key lies under this key-encryption key.
CREATE FUNCTION storage.is_kept(object_key text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT CASE WHEN starts_with(object_key, 'keys/') THEN EXISTS (
      SELECT FROM (SELECT split_part(object_key, '/', 2) AS kek,
        substr(object_key, length(split_part(object_key, '/', 2)) + 7) AS key) k
      WHERE EXISTS (SELECT FROM storage.objects o WHERE o.key = k.key AND starts_with(o.wrapped_key, 'v1.' || k.kek || '.'))
        OR EXISTS (SELECT FROM storage.uploads u WHERE u.object_key = k.key AND u.state = 'active'))
    ELSE EXISTS (SELECT FROM storage.objects o WHERE o.key = is_kept.object_key)
      OR EXISTS (SELECT FROM storage.uploads u WHERE u.object_key = is_kept.object_key AND u.state = 'active')
      OR EXISTS (SELECT FROM storage.uploads u WHERE u.tail_key = is_kept.object_key AND u.state = 'active')
    END
$$;
--> statement-breakpoint
-- What nobody needs, and nobody has asked the deletion of, is an orphan. The journal looks after itself.
CREATE FUNCTION storage.is_orphan(object_key text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT NOT starts_with(object_key, 'journal/')
    AND NOT EXISTS (SELECT FROM storage.object_deletions d WHERE d.object_key = is_orphan.object_key)
    AND NOT storage.is_kept(object_key)
$$;
--> statement-breakpoint
-- An entry of the tree with all that belongs to it, as the journal in the bucket keeps it (docs/object-keys.md). Without
-- the keys of objects, which must not outlive them.
CREATE FUNCTION storage.journal_record(file_id uuid) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
  SELECT coalesce((
    SELECT jsonb_build_object(
      'file', to_jsonb(f) - 'place_id',
      'scope', (SELECT to_jsonb(s) FROM storage.scopes s WHERE s.id = f.id),
      'versions', (SELECT jsonb_agg(to_jsonb(v) ORDER BY v.number) FROM storage.versions v WHERE v.file_id = f.id),
      'objects', (SELECT jsonb_agg(to_jsonb(o) - 'wrapped_key') FROM storage.objects o
        WHERE o.id IN (SELECT v.object_id FROM storage.versions v WHERE v.file_id = f.id)),
      'grants', (SELECT jsonb_agg(to_jsonb(g) ORDER BY g.id) FROM storage.grants g WHERE g.file_id = f.id))
    FROM storage.files f WHERE f.id = journal_record.file_id
      AND NOT (f.trashed_at IS NOT NULL AND f.trashed_at = storage.purged_at())
  ), jsonb_build_object('purged', journal_record.file_id))
$$;
