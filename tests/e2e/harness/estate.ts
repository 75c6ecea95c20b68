import { z } from 'zod';
import { newId } from '../../../src/core/database/columns.ts';
import { newAccount } from './accounts.ts';
import { newAnalysisSettings } from './analysis-settings.ts';
import { newBelongings } from './belongings.ts';
import { bodyOf, type Client } from './client.ts';
import { query } from './database.ts';
import { upload } from './files.ts';
import type { Installation } from './global-setup.ts';

/** One of everything that belongs to somebody. */
export interface Estate {
  /** The id that a path parameter could have; undefined for parameters that name nobody's belongings. */
  idOf(parameter: string, path: string): string | undefined;
  /** What the owner has, down to names and states. */
  inventory(): Promise<unknown>;
  readonly before: unknown;
}

const idSchema = z.looseObject({ id: z.string() });
const uuid = (id: string) => id.slice(id.indexOf('_') + 1);

export async function newEstate(api: Client, installation: Installation): Promise<Estate> {
  const { api: owner, tokens } = await newAccount(api);
  const userId = tokens.user.id;
  const make = async (path: string, json: object) =>
    bodyOf(await owner.call('POST', path, { json }), 201, idSchema).id;

  const file = await upload(owner, 'theirs.txt', 'nothing to see here');
  const workspace = await make('/v1/workspaces', { name: 'Theirs' });
  const group = await make(`/v1/workspaces/${workspace}/groups`, { name: 'Inner circle' });
  const email = 'guest@example.com';
  const invitation = await make(`/v1/workspaces/${workspace}/invitations`, { email, role: 'member' });
  const account = await make(`/v1/workspaces/${workspace}/service-accounts`, { name: 'Robot' });
  const key = { name: 'theirs', scopes: ['files:read'] };
  const serviceKey = await make(`/v1/workspaces/${workspace}/service-accounts/${account}/keys`, key);
  const apiKey = await make('/v1/auth/api-keys', key);
  const sessions = z.object({ items: z.array(idSchema) });
  const session = bodyOf(await owner.call('GET', '/v1/auth/sessions'), 200, sessions).items[0]?.id;
  const passkey = newId('pky');
  const grant = newId('ses');
  const client = newId('cli');
  await query(
    installation,
    `with device as (
       insert into auth.passkeys (id, user_id, name, credential_id, public_key, counter, backed_up)
       values ($1::uuid, $4::uuid, 'theirs', $5, 'x', 0, false)
     ), program as (
       insert into auth.oauth_clients (id, name, redirect_uris, grant_types, scopes)
       values ($3::uuid, 'Program', '{}', '{}', '{}')
     )
     insert into auth.sessions (id, user_id, client_id, scopes, expires_at)
     values ($2::uuid, $4::uuid, $3::uuid, '{files:read}', now() + interval '1 day')`,
    [uuid(passkey), uuid(grant), uuid(client), uuid(userId), crypto.randomUUID()],
  );

  const kept = await newBelongings(owner, installation, { file, group, workspace, userId });
  const analysed = await newAnalysisSettings(owner, installation, { file, workspace, userId });

  const ids: readonly (readonly [RegExp, string | undefined])[] = [
    ...kept.ids,
    ...analysed.ids,
    [/accountId$/, account],
    [/keyId$/, serviceKey],
    [/groupId$/, group],
    [/invitationId$/, invitation],
    [/userId$/, userId],
    [/^\/v1\/files.* id$/, file.id],
    [/^\/v1\/workspaces.* id$/, workspace],
    [/^\/v1\/auth\/sessions.* id$/, session],
    [/^\/v1\/auth\/grants.* id$/, grant],
    [/^\/v1\/auth\/api-keys.* id$/, apiKey],
    [/^\/v1\/auth\/passkeys.* id$/, passkey],
    [/^\/v1\/admin\/users.* id$/, userId],
    [/^\/v1\/admin\/oauth-clients.* id$/, client],
  ];
  const inventory = async () => [
    await kept.inventory(),
    await analysed.inventory(),
    (
      await query(
        installation,
        `select
           (select jsonb_agg(jsonb_build_array(id, email, name, role, disabled_at, deleted_at) order by id)
              from auth.users where id = $1::uuid or workspace_id = $2::uuid) as users,
           (select jsonb_build_array(name, deleted_at) from auth.workspaces where id = $2::uuid) as workspace,
           (select jsonb_agg(jsonb_build_array(user_id, role) order by user_id)
              from auth.workspace_members where workspace_id = $2::uuid) as members,
           (select jsonb_agg(jsonb_build_array(id, name, revoked_at, expires_at) order by id) from auth.api_keys
              where user_id in (select id from auth.users where id = $1::uuid or workspace_id = $2::uuid)) as keys,
           (select jsonb_agg(jsonb_build_array(id, name, (select count(*) from auth.group_members where group_id = id))
              order by id) from auth.groups where workspace_id = $2::uuid) as groups,
           (select jsonb_agg(jsonb_build_array(id, email, accepted_at, revoked_at) order by id)
              from auth.invitations where workspace_id = $2::uuid) as invitations,
           (select jsonb_agg(jsonb_build_array(id, name) order by id)
              from auth.passkeys where user_id = $1::uuid) as passkeys,
           (select jsonb_agg(jsonb_build_array(id, revoked_at) order by id)
              from auth.sessions where user_id = $1::uuid) as sessions`,
        [uuid(userId), uuid(workspace)],
      )
    )[0],
  ];
  return {
    idOf: (parameter, path) => ids.find(([pattern]) => pattern.test(`${path} ${parameter}`))?.[1],
    inventory,
    before: await inventory(),
  };
}
