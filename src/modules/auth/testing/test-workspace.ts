import { sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';
import type { TestAccount, TestSystem } from './test-system.ts';

export const WORKSPACE_ROLES = ['owner', 'admin', 'member', 'viewer'] as const;
export type WorkspaceRole = (typeof WORKSPACE_ROLES)[number];

export interface TestWorkspace {
  readonly id: string;
  /** Path of something in it. */
  at(path?: string): string;
  readonly people: Readonly<Record<WorkspaceRole, TestAccount>>;
}

/** Puts somebody into a workspace without an invitation. */
export async function join(
  system: TestSystem,
  workspaceId: string,
  account: TestAccount,
  role: string,
): Promise<void> {
  await system.db.execute(sql`
    insert into auth.workspace_members (workspace_id, user_id, role)
    values (${idToUuid(workspaceId)}::uuid, ${idToUuid(account.id)}::uuid, ${role})`);
}

export async function verifyEmail(system: TestSystem, account: TestAccount): Promise<void> {
  await system.db.execute(
    sql`update auth.users set email_verified_at = now() where id = ${idToUuid(account.id)}::uuid`,
  );
}

export async function openWorkspace(owner: TestAccount, name = 'Research'): Promise<string> {
  const answer = await owner.call('POST', '/v1/workspaces', { json: { name } });
  if (answer.status !== 201) throw new Error(`opening a workspace answered ${JSON.stringify(answer.body)}`);
  return answer.body.id;
}

const peopleOf = new WeakMap<TestSystem, TestWorkspace['people']>();

/** A workspace with one person of each role: always the same four, unless told `newPeople`. */
export async function workspaceOfFour(
  system: TestSystem,
  options: { readonly newPeople?: boolean } = {},
): Promise<TestWorkspace> {
  const people = (options.newPeople ? undefined : peopleOf.get(system)) ?? (await fourPeople(system));
  if (!options.newPeople) peopleOf.set(system, people);
  const id = await openWorkspace(people.owner);
  await join(system, id, people.admin, 'admin');
  await join(system, id, people.member, 'member');
  await join(system, id, people.viewer, 'viewer');
  return { id, at: (path = '') => `/v1/workspaces/${id}${path}`, people };
}

async function fourPeople(system: TestSystem): Promise<TestWorkspace['people']> {
  const person = () => system.register();
  const [owner, admin, member, viewer] = await Promise.all([person(), person(), person(), person()]);
  return { owner, admin, member, viewer };
}

/** Role of each member by user id, as the database has it. */
export async function rolesIn(system: TestSystem, workspaceId: string): Promise<Record<string, string>> {
  const { rows } = await system.db.execute<{ id: string; role: string }>(sql`
    select 'usr_' || replace(user_id::text, '-', '') as id, role from auth.workspace_members
    where workspace_id = ${idToUuid(workspaceId)}::uuid`);
  return Object.fromEntries(rows.map(({ id, role }) => [id, role]));
}

/** What a user acts as, as the other modules see it: ids without prefix. */
export async function principalsOf(system: TestSystem, userId: string): Promise<string[]> {
  const { rows } = await system.db.execute<{ id: string }>(
    sql`select principal_id::text as id from auth.principals_of(${idToUuid(userId)}::uuid)`,
  );
  return rows.map(({ id }) => id);
}
