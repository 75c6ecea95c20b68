import { and, eq, gt, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { violatesUnique } from '../../../core/database/errors.ts';
import { deviceCodes } from '../../../core/database/schema/auth.ts';
import type { DeviceCodeRepository, DevicePoll } from '../ports/oauth.ts';

const polledSchema = z.object({
  status: z.enum(['pending', 'approved', 'denied', 'used']),
  expired: z.boolean(),
  too_fast: z.boolean(),
});

export function createDeviceCodeRepository(db: Database): DeviceCodeRepository {
  const waiting = (userCode: string) =>
    and(
      eq(deviceCodes.userCode, userCode),
      eq(deviceCodes.status, 'pending'),
      gt(deviceCodes.expiresAt, sql`now()`),
    );
  return {
    async insert(code) {
      try {
        await db.insert(deviceCodes).values({ ...code, scopes: [...code.scopes] });
        return true;
      } catch (error) {
        if (violatesUnique(error, 'device_codes_user_code_key')) return false;
        throw error;
      }
    },

    async findPending(userCode) {
      const rows = await db
        .select({ clientId: deviceCodes.clientId, scopes: deviceCodes.scopes })
        .from(deviceCodes)
        .where(waiting(userCode));
      return rows[0];
    },

    async approve(userCode, { userId, methods, authenticatedAt }) {
      const rows = await db
        .update(deviceCodes)
        .set({ status: 'approved', userId, methods: [...methods], authenticatedAt })
        .where(waiting(userCode))
        .returning({ clientId: deviceCodes.clientId });
      return rows.length > 0;
    },

    async deny(userCode) {
      const rows = await db
        .update(deviceCodes)
        .set({ status: 'denied' })
        .where(waiting(userCode))
        .returning({ clientId: deviceCodes.clientId });
      return rows.length > 0;
    },

    poll: async (deviceCodeHash, clientId) =>
      (await redeem(db, deviceCodeHash, clientId)) ?? (await notePoll(db, deviceCodeHash, clientId)),

    async deleteExpired() {
      await db.delete(deviceCodes).where(sql`${deviceCodes.expiresAt} < now() - interval '1 hour'`);
    },
  };
}

async function redeem(
  db: Database,
  deviceCodeHash: string,
  clientId: string,
): Promise<DevicePoll | undefined> {
  const rows = await db
    .update(deviceCodes)
    .set({ status: 'used' })
    .where(
      and(
        eq(deviceCodes.deviceCodeHash, deviceCodeHash),
        eq(deviceCodes.clientId, clientId),
        eq(deviceCodes.status, 'approved'),
        gt(deviceCodes.expiresAt, sql`now()`),
      ),
    )
    .returning();
  const [row] = rows;
  if (!row?.userId || !row.methods || !row.authenticatedAt) return undefined;
  const { userId, methods, authenticatedAt, scopes } = row;
  return { status: 'approved', userId, methods, authenticatedAt, scopes };
}

/** One statement: of two polls at once the second one counts as too fast. */
async function notePoll(db: Database, deviceCodeHash: string, clientId: string): Promise<DevicePoll> {
  const { rows } = await db.execute(sql`
    with old as (
      select device_code_hash, status, expires_at <= now() as expired,
        status = 'pending' and last_polled_at is not null
          and last_polled_at > clock_timestamp() - make_interval(secs => interval_seconds) as too_fast
      from auth.device_codes
      where device_code_hash = ${deviceCodeHash} and client_id = ${idToUuid(clientId)}::uuid
      for update
    )
    update auth.device_codes d
    set last_polled_at = clock_timestamp(),
      interval_seconds = d.interval_seconds + case when old.too_fast then 5 else 0 end
    from old where d.device_code_hash = old.device_code_hash
    returning old.status, old.expired, old.too_fast`);
  if (rows[0] === undefined) return { status: 'unknown' };
  const { status, expired, too_fast: tooFast } = polledSchema.parse(rows[0]);
  if (status === 'denied') return { status: 'denied' };
  if (expired) return { status: 'expired' };
  // Approved between the two statements: the next poll gets it.
  return status === 'used' ? { status: 'unknown' } : { status: 'pending', tooFast };
}
