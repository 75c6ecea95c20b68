import { and, eq, isNull } from 'drizzle-orm';
import { auditEntriesOf } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import {
  apiKeys,
  groupMembers,
  groups,
  identities,
  passkeys,
  recoveryCodes,
  sessions,
  totpCredentials,
  users,
  workspaceMembers,
  workspaces,
} from '../../../core/database/schema/auth.ts';
import type { AccountExport } from '../models/accounts.ts';

const MAX_AUDIT_ENTRIES = 10_000;

/** Every table of the module with a row of the person; hashes, sealed secrets and public keys are left out. */
export async function exportAccount(
  db: Database,
  userId: string,
): Promise<Omit<AccountExport, 'exportedAt' | 'user'>> {
  const [own, devices, keys, passkeyRows, totp, codes, identityRows, memberships, groupRows, audit] =
    await db.batch([
      db
        .select({ passwordHash: users.passwordHash, passwordChangedAt: users.passwordChangedAt })
        .from(users)
        .where(eq(users.id, userId)),
      sessionsOf(db, userId),
      apiKeysOf(db, userId),
      passkeysOf(db, userId),
      db
        .select({ confirmedAt: totpCredentials.confirmedAt, createdAt: totpCredentials.createdAt })
        .from(totpCredentials)
        .where(eq(totpCredentials.userId, userId)),
      db
        .select({ usedAt: recoveryCodes.usedAt, createdAt: recoveryCodes.createdAt })
        .from(recoveryCodes)
        .where(eq(recoveryCodes.userId, userId)),
      db
        .select({
          provider: identities.providerId,
          subject: identities.subject,
          email: identities.email,
          createdAt: identities.createdAt,
          lastUsedAt: identities.lastUsedAt,
        })
        .from(identities)
        .where(eq(identities.userId, userId)),
      membershipsOf(db, userId),
      groupsOf(db, userId),
      auditEntriesOf(db, userId, MAX_AUDIT_ENTRIES),
    ]);
  return {
    hasPassword: typeof own[0]?.passwordHash === 'string',
    passwordChangedAt: own[0]?.passwordChangedAt?.toISOString() ?? null,
    sessions: devices,
    apiKeys: keys,
    passkeys: passkeyRows,
    secondFactors: [
      ...totp.map((factor) => ({ kind: 'totp', ...factor })),
      ...codes.map((code) => ({ kind: 'recovery-code', ...code })),
    ],
    identities: identityRows,
    workspaces: memberships,
    groups: groupRows,
    auditEntries: audit,
  };
}

const sessionsOf = (db: Database, userId: string) =>
  db
    .select({
      id: sessions.id,
      userAgent: sessions.userAgent,
      network: sessions.network,
      place: sessions.place,
      methods: sessions.methods,
      clientId: sessions.clientId,
      scopes: sessions.scopes,
      createdAt: sessions.createdAt,
      lastUsedAt: sessions.lastUsedAt,
      expiresAt: sessions.expiresAt,
      revokedAt: sessions.revokedAt,
      revokedReason: sessions.revokedReason,
    })
    .from(sessions)
    .where(eq(sessions.userId, userId));

const apiKeysOf = (db: Database, userId: string) =>
  db
    .select({
      id: apiKeys.id,
      name: apiKeys.name,
      prefix: apiKeys.prefix,
      scopes: apiKeys.scopes,
      allowedNetworks: apiKeys.allowedNetworks,
      createdAt: apiKeys.createdAt,
      expiresAt: apiKeys.expiresAt,
      lastUsedAt: apiKeys.lastUsedAt,
      lastUsedAddress: apiKeys.lastUsedAddress,
      revokedAt: apiKeys.revokedAt,
    })
    .from(apiKeys)
    .where(eq(apiKeys.userId, userId));

const passkeysOf = (db: Database, userId: string) =>
  db
    .select({
      id: passkeys.id,
      name: passkeys.name,
      backedUp: passkeys.backedUp,
      createdAt: passkeys.createdAt,
      lastUsedAt: passkeys.lastUsedAt,
    })
    .from(passkeys)
    .where(eq(passkeys.userId, userId));

const membershipsOf = (db: Database, userId: string) =>
  db
    .select({
      id: workspaces.id,
      name: workspaces.name,
      role: workspaceMembers.role,
      since: workspaceMembers.createdAt,
    })
    .from(workspaceMembers)
    .innerJoin(workspaces, and(eq(workspaces.id, workspaceMembers.workspaceId), isNull(workspaces.deletedAt)))
    .where(eq(workspaceMembers.userId, userId));

const groupsOf = (db: Database, userId: string) =>
  db
    .select({
      id: groups.id,
      name: groups.name,
      workspaceId: groups.workspaceId,
      since: groupMembers.createdAt,
    })
    .from(groupMembers)
    .innerJoin(groups, eq(groups.id, groupMembers.groupId))
    .where(eq(groupMembers.userId, userId));
