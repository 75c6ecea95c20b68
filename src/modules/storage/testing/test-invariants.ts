import type { TestSystem } from './test-system.ts';

/** What holds of the rows at any moment, whoever writes: each finds those that break it. */
const BROKEN: Readonly<Record<string, string>> = {
  'an entry below itself': `
    with recursive up (id, parent_id, steps) as (
      select f.id, f.parent_id, 0 from storage.files f
      union all
      select up.id, f.parent_id, up.steps + 1 from up join storage.files f on f.id = up.parent_id where up.steps < 200
    ) select id from up where steps = 200`,
  'another drive than its folder': `
    select f.id from storage.files f join storage.files p on p.id = f.parent_id where p.drive_id <> f.drive_id`,
  'a parent that is no folder': `
    select f.id from storage.files f join storage.files p on p.id = f.parent_id where p.kind <> 'folder'`,
  'live in a folder that is not': `
    select f.id from storage.files f join storage.files p on p.id = f.parent_id
    where f.trashed_at is null and p.trashed_at is not null`,
  'a scope that is not the nearest': `
    with recursive up (id, at, parent_id, scope_id, steps) as (
      select f.id, f.id, f.parent_id, s.id, 0 from storage.files f left join storage.scopes s on s.id = f.id
      union all
      select up.id, f.id, f.parent_id, s.id, up.steps + 1
      from up join storage.files f on f.id = up.parent_id left join storage.scopes s on s.id = f.id
      where up.scope_id is null and up.steps < 200
    ), nearest as (select distinct on (id) id, scope_id from up order by id, steps desc)
    select f.id from nearest n join storage.files f on f.id = n.id
    where f.scope_id <> coalesce(n.scope_id, f.drive_id)`,
  'a scope inside another than around it': `
    select s.id from storage.scopes s join storage.files f on f.id = s.id
      left join storage.files p on p.id = f.parent_id
    where s.drive_id <> f.drive_id or s.parent_id <> coalesce(p.scope_id, f.drive_id)`,
  'grants without a scope': `
    select g.id from storage.grants g left join storage.scopes s on s.id = g.file_id where s.id is null`,
  'used bytes that are not those of the versions': `
    select d.id from storage.drives d where d.used_bytes <> (
      select coalesce(sum(v.size), 0) from storage.versions v where v.drive_id = d.id)`,
  'a version of another drive than its file': `
    select v.id from storage.versions v join storage.files f on f.id = v.file_id where f.drive_id <> v.drive_id`,
  'a count that is not that of the entries': `
    select d.id from storage.drives d where d.entry_count <> (
      select count(*) from storage.files f where f.drive_id = d.id)`,
  'reserved bytes that are not those of the uploads': `
    select d.id from storage.drives d where d.reserved_bytes <> (
      select coalesce(sum(u.reserved_bytes), 0) from storage.uploads u where u.drive_id = d.id and u.state = 'active')`,
  'a current version of another file': `
    select f.id from storage.files f join storage.versions v on v.id = f.current_version_id
    where v.file_id <> f.id or v.size <> f.size`,
  'an object that nothing names': `
    select o.id from storage.objects o where not exists (select from storage.versions v where v.object_id = o.id)
      and not exists (select from storage.previews p where p.preview_id = o.id)`,
  'an object that is asked to be deleted': `
    select o.id from storage.objects o join storage.object_deletions d on d.object_key = o.key`,
};

/** What does not hold, with the ids of the rows; empty when all does. */
export async function brokenInvariants({ query }: Pick<TestSystem, 'query'>): Promise<string[]> {
  const broken: string[] = [];
  for (const [what, statement] of Object.entries(BROKEN)) {
    const rows = await query(statement);
    if (rows.length > 0) broken.push(`${what}: ${rows.map(({ id }) => id).join(', ')}`);
  }
  return broken;
}
