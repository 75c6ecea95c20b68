-- What a role permits. `admin` of the deployment may do everything that is listed anywhere in
-- src/core/security/permissions.ts; a test holds the two lists together.
INSERT INTO auth.roles (scope, name, description, permissions, built_in) VALUES
  ('deployment', 'admin', 'Runs the deployment', '{account:read,account:write,keys:write,files:read,files:write,search:read,workspaces:read,workspaces:write,users:read,users:write,roles:write,policies:write,audit:read,configuration:write,signing-keys:write,providers:write,clients:write}', true),
  ('deployment', 'member', 'Keeps and shares files', '{account:read,account:write,keys:write,files:read,files:write,search:read,workspaces:read,workspaces:write}', true),
  ('deployment', 'viewer', 'Reads what is shared', '{account:read,account:write,files:read,search:read,workspaces:read}', true),
  ('deployment', 'service', 'A program with an API key', '{account:read,files:read,files:write,search:read,workspaces:read}', true),
  ('workspace', 'owner', 'Everything, and the workspace itself', '{workspace:read,workspace:write,workspace:delete,ownership:transfer,policy:write,members:write,groups:write,invitations:write,service-accounts:write,audit:read}', true),
  ('workspace', 'admin', 'Runs the workspace', '{workspace:read,workspace:write,policy:write,members:write,groups:write,invitations:write,service-accounts:write,audit:read}', true),
  ('workspace', 'member', 'Belongs to the workspace', '{workspace:read}', true),
  ('workspace', 'viewer', 'Reads what the workspace has', '{workspace:read}', true);
--> statement-breakpoint
-- Owned by auth: everything a user acts as: themselves, their workspaces and their groups.
CREATE OR REPLACE FUNCTION auth.principals_of(user_id uuid) RETURNS TABLE (principal_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT principals_of.user_id
  UNION ALL
  SELECT w.id FROM auth.workspace_members m
    JOIN auth.workspaces w ON w.id = m.workspace_id AND w.deleted_at IS NULL
    WHERE m.user_id = principals_of.user_id
  UNION ALL
  SELECT g.id FROM auth.group_members gm
    JOIN auth.groups g ON g.id = gm.group_id
    JOIN auth.workspaces w ON w.id = g.workspace_id AND w.deleted_at IS NULL
    JOIN auth.workspace_members m ON m.workspace_id = w.id AND m.user_id = gm.user_id
    WHERE gm.user_id = principals_of.user_id
$$;
--> statement-breakpoint
-- Owned by auth: what a member may do in a workspace; no row for everybody else.
CREATE FUNCTION auth.workspace_authority(user_id uuid, workspace_id uuid) RETURNS TABLE (role text, permissions text[])
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT m.role, coalesce(r.permissions, '{}')
  FROM auth.workspace_members m
    JOIN auth.workspaces w ON w.id = m.workspace_id AND w.deleted_at IS NULL
    LEFT JOIN auth.roles r ON r.scope = 'workspace' AND r.name = m.role
  WHERE m.user_id = workspace_authority.user_id AND m.workspace_id = workspace_authority.workspace_id
$$;
--> statement-breakpoint
-- The policies that bind a user: the deployment's (workspace_id null) and those of their workspaces.
CREATE FUNCTION auth.policies_of(user_id uuid) RETURNS TABLE (workspace_id uuid, policy jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT p.workspace_id, p.policy FROM auth.policies p
  WHERE p.workspace_id IS NULL OR p.workspace_id IN (
    SELECT m.workspace_id FROM auth.workspace_members m
      JOIN auth.workspaces w ON w.id = m.workspace_id AND w.deleted_at IS NULL
      WHERE m.user_id = policies_of.user_id)
$$;
--> statement-breakpoint
-- No list allows every address; an unknown address is in no network.
CREATE FUNCTION auth.address_in(networks jsonb, address inet) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT coalesce(jsonb_array_length(networks), 0) = 0
    OR coalesce((SELECT bool_or(address <<= n::inet) FROM jsonb_array_elements_text(networks) n), false)
$$;
--> statement-breakpoint
-- What a user may do right now, coming from `address`, signed in by `methods` (null: by an API key).
-- `restriction` says why permissions are missing: a network nobody allowed leaves none; a missing second factor, or
-- the network rule of one of the user's workspaces, leaves the account itself, so that the person can mend it or leave.
-- A service account is one as long as it is a member of its workspace, and the workspace is there.
CREATE FUNCTION auth.authority_of_user(user_id uuid, address inet, methods text[])
RETURNS TABLE (kind text, role text, permissions text[], restriction text)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  WITH bound AS MATERIALIZED (
    SELECT
      bool_or(p.workspace_id IS NULL AND NOT auth.address_in(p.policy->'allowedNetworks', address)) AS shut_out,
      bool_or(p.workspace_id IS NOT NULL AND NOT auth.address_in(p.policy->'allowedNetworks', address)) AS elsewhere,
      bool_or(coalesce((p.policy->>'requireMfa')::boolean, false)) AND methods IS NOT NULL
        AND NOT (methods && '{otp,hwk,rec}'::text[]) AS needs_mfa
    FROM auth.policies_of(authority_of_user.user_id) p
  )
  SELECT u.kind, u.role,
    CASE
      WHEN b.shut_out THEN '{}'::text[]
      WHEN (b.elsewhere OR b.needs_mfa) AND u.kind = 'person' THEN
        ARRAY(SELECT x FROM unnest(r.permissions) x WHERE x IN ('account:read', 'account:write', 'workspaces:read'))
      WHEN b.elsewhere THEN '{}'::text[]
      ELSE coalesce(r.permissions, '{}')
    END,
    CASE
      WHEN b.shut_out OR b.elsewhere THEN 'network_not_allowed'
      WHEN b.needs_mfa AND u.kind = 'person' THEN 'mfa_required'
    END
  FROM auth.users u
    LEFT JOIN auth.roles r ON r.scope = 'deployment' AND r.name = u.role
    CROSS JOIN bound b
  WHERE u.id = authority_of_user.user_id AND u.disabled_at IS NULL AND u.deleted_at IS NULL
    AND (u.kind = 'person' OR EXISTS (
      SELECT FROM auth.workspace_members m JOIN auth.workspaces w ON w.id = m.workspace_id AND w.deleted_at IS NULL
      WHERE m.user_id = u.id AND m.workspace_id = u.workspace_id))
$$;
--> statement-breakpoint
-- Published to every module: who is behind an access token, as of this moment. No row when the session is over or
-- revoked, its user disabled, or the signing key of the token revoked or retired.
CREATE FUNCTION auth.authority_of_session(session_id uuid, key_id text, address inet)
RETURNS TABLE (user_id uuid, kind text, role text, permissions text[], restriction text, client_id uuid,
  methods text[], authenticated_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT s.user_id, a.kind, a.role,
    CASE WHEN s.scopes IS NULL THEN a.permissions
      ELSE ARRAY(SELECT x FROM unnest(a.permissions) x WHERE x = ANY (s.scopes)) END,
    a.restriction, s.client_id, s.methods, s.authenticated_at
  FROM auth.sessions s
    JOIN auth.signing_keys k ON k.id = key_id AND k.revoked_at IS NULL
      AND (k.retires_at IS NULL OR k.retires_at > now())
    LEFT JOIN auth.oauth_clients c ON c.id = s.client_id
    CROSS JOIN LATERAL auth.authority_of_user(s.user_id, address, s.methods) a
  WHERE s.id = authority_of_session.session_id AND s.revoked_at IS NULL AND s.expires_at > now()
    AND c.disabled_at IS NULL
$$;
--> statement-breakpoint
-- Published to every module: who is behind an API key; notes its use, once a minute at most.
CREATE FUNCTION auth.authority_of_key(key_hash text, address inet)
RETURNS TABLE (user_id uuid, key_id uuid, kind text, role text, permissions text[], restriction text)
LANGUAGE sql VOLATILE
AS $$
  WITH used AS (
    UPDATE auth.api_keys k SET last_used_at = now(), last_used_address = host(address)
    WHERE k.key_hash = authority_of_key.key_hash AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > now())
      AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute')
  )
  SELECT k.user_id, k.id, a.kind, a.role,
    CASE WHEN auth.address_in(to_jsonb(k.allowed_networks), address)
      THEN ARRAY(SELECT x FROM unnest(a.permissions) x WHERE x = ANY (k.scopes)) ELSE '{}'::text[] END,
    CASE WHEN auth.address_in(to_jsonb(k.allowed_networks), address) THEN a.restriction
      ELSE 'network_not_allowed' END
  FROM auth.api_keys k
    CROSS JOIN LATERAL auth.authority_of_user(k.user_id, address, NULL) a
  WHERE k.key_hash = authority_of_key.key_hash AND k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > now())
$$;
--> statement-breakpoint
-- The audit log is append-only: a row changes once, when it gets its place in the chain, and goes only by retention.
CREATE FUNCTION core.protect_audit() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.sequence IS NULL AND NEW.sequence IS NOT NULL
    AND to_jsonb(OLD) - 'sequence' - 'hash' = to_jsonb(NEW) - 'sequence' - 'hash' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'DELETE' AND OLD.sequence IS NOT NULL AND current_setting('core.audit_retention', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only';
END
$$;
--> statement-breakpoint
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON core.audit_events
  FOR EACH ROW EXECUTE FUNCTION core.protect_audit();
--> statement-breakpoint
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON core.audit_events
  FOR EACH STATEMENT EXECUTE FUNCTION core.protect_audit();
