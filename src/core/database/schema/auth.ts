import { sql } from 'drizzle-orm';
import { index, pgSchema, text, timestamp, uniqueIndex } from 'drizzle-orm/pg-core';
import { prefixedId } from '../columns.ts';

export const authSchema = pgSchema('auth');

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

export const users = authSchema.table(
  'users',
  {
    id: prefixedId('usr')('id').primaryKey(),
    /** As the person typed it; compared in lower case. */
    email: text('email').notNull(),
    name: text('name'),
    /** PHC string: algorithm, parameters, salt, hash. */
    passwordHash: text('password_hash').notNull(),
    disabledAt: at('disabled_at'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [uniqueIndex('users_email_key').on(sql`lower(${table.email})`)],
);

/** One sign-in on one device; the family of its refresh tokens. */
export const sessions = authSchema.table(
  'sessions',
  {
    id: prefixedId('ses')('id').primaryKey(),
    userId: prefixedId('usr')('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    userAgent: text('user_agent'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    lastUsedAt: at('last_used_at').notNull().default(sql`now()`),
    expiresAt: at('expires_at').notNull(),
    revokedAt: at('revoked_at'),
  },
  (table) => [index('sessions_user_id_idx').on(table.userId)],
);

/** Only hashes: a copy of the database opens no session. */
export const refreshTokens = authSchema.table(
  'refresh_tokens',
  {
    /** SHA-256 of the token, base64url. */
    tokenHash: text('token_hash').primaryKey(),
    sessionId: prefixedId('ses')('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    createdAt: at('created_at').notNull().default(sql`now()`),
    expiresAt: at('expires_at').notNull(),
    spentAt: at('spent_at'),
  },
  (table) => [index('refresh_tokens_session_id_idx').on(table.sessionId)],
);
