import { sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import type { PluginSettingRepository } from '../ports/plugins.ts';
import { driveTable, MANAGES, refusalOf, selectRank, uuid } from './drive-access.ts';

export function createPluginSettingRepository(db: Database): PluginSettingRepository {
  return {
    async list(userId, driveId) {
      const [rank, found] = await db.batch([
        db.execute(selectRank(userId, driveId)),
        db.execute(sql`
          with ${driveTable(userId, driveId)}
          select p.plugin, p.enabled from drive join ai.plugin_settings p on p.drive_id = drive.id and drive.rank > 0`),
      ]);
      return {
        rank: Number(rank.rows[0]?.rank ?? 0),
        items: found.rows.map((row) => ({ plugin: String(row.plugin), enabled: row.enabled === true })),
      };
    },

    async set(userId, driveId, choice, audit) {
      const { rows } = await db.execute(sql`
        with ${driveTable(userId, driveId)}, verdict as (
          select drive.rank, case ${MANAGES} end as refused from drive
        ), made as (
          insert into ai.plugin_settings (drive_id, plugin, enabled, changed_by)
          select ${uuid(driveId)}, ${choice.plugin}, ${choice.enabled}::boolean, ${uuid(userId)}
          from verdict where refused is null
          on conflict (drive_id, plugin) do update
            set enabled = excluded.enabled, changed_by = excluded.changed_by, changed_at = now()
          returning plugin
        ), audited as (${auditRows(audit, sql`from made`)})
        select * from verdict`);
      return refusalOf(rows[0], ['drive_not_found', 'role_required']) ?? choice;
    },
  };
}
