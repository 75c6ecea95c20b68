import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { prefixedId } from '../columns.ts';

export const authSchema = pgSchema('auth');

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });
const textArray = (name: string) => text(name).array();
const userId = (name = 'user_id') => prefixedId('usr')(name);
const workspaceId = (name = 'workspace_id') => prefixedId('wsp')(name);

/** People, and service accounts: whoever can be behind a request. */
export const users = authSchema.table(
  'users',
  {
    id: prefixedId('usr')('id').primaryKey(),
    kind: text('kind', { enum: ['person', 'service'] })
      .notNull()
      .default('person'),
    /** As the person typed it; compared in lower case. Null for service accounts and deleted users. */
    email: text('email'),
    emailVerifiedAt: at('email_verified_at'),
    name: text('name'),
    /** PHC string: algorithm, parameters, salt, hash. Null: no sign-in by password. */
    passwordHash: text('password_hash'),
    passwordChangedAt: at('password_changed_at'),
    /** Deployment role; what it permits is in `roles`. */
    role: text('role').notNull().default('member'),
    /** Of a service account. */
    workspaceId: workspaceId(),
    createdBy: userId('created_by'),
    disabledAt: at('disabled_at'),
    /** The row stays, emptied of the person, so that ids keep their meaning. */
    deletedAt: at('deleted_at'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [
    uniqueIndex('users_email_key').on(sql`lower(${table.email})`),
    index('users_workspace_id_idx').on(table.workspaceId).where(sql`${table.workspaceId} is not null`),
    index('users_role_idx').on(table.role).where(sql`${table.role} <> 'member'`),
  ],
);

/** What a role permits, in the deployment or in a workspace. Built-in rows come with the migration. */
export const roles = authSchema.table(
  'roles',
  {
    scope: text('scope', { enum: ['deployment', 'workspace'] }).notNull(),
    name: text('name').notNull(),
    description: text('description').notNull().default(''),
    permissions: textArray('permissions').notNull(),
    builtIn: boolean('built_in').notNull().default(false),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
  },
  (table) => [primaryKey({ columns: [table.scope, table.name] })],
);

/** One sign-in on one device, or one grant to an OAuth client; the family of its refresh tokens. */
export const sessions = authSchema.table(
  'sessions',
  {
    id: prefixedId('ses')('id').primaryKey(),
    userId: userId()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    userAgent: text('user_agent'),
    /** Network of the last use (/24 or /48) and its place, where the edge tells it. */
    network: text('network'),
    place: text('place'),
    /** RFC 8176 names: pwd, otp, hwk (passkey), fed (OIDC), rec (recovery code). */
    methods: textArray('methods').notNull().default(sql`'{pwd}'`),
    /** Last time the person proved who they are; sensitive calls ask for a recent one. */
    authenticatedAt: at('authenticated_at').notNull().default(sql`now()`),
    /** Of a grant to an OAuth client, with what it may do; null: everything that the person may. */
    clientId: prefixedId('cli')('client_id'),
    scopes: textArray('scopes'),
    /** Seconds without a refresh that end it, fixed by policy when it began. */
    idleSeconds: integer('idle_seconds').notNull().default(2_592_000),
    createdAt: at('created_at').notNull().default(sql`now()`),
    lastUsedAt: at('last_used_at').notNull().default(sql`now()`),
    expiresAt: at('expires_at').notNull(),
    revokedAt: at('revoked_at'),
    revokedReason: text('revoked_reason'),
  },
  (table) => [index('sessions_user_id_idx').on(table.userId, table.network)],
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
    /** Who spent it (hash of the client's marks) and what came of it: the same client may ask again. */
    spentBy: text('spent_by'),
    successorHash: text('successor_hash'),
  },
  (table) => [index('refresh_tokens_session_id_idx').on(table.sessionId)],
);

/** Ed25519 keys that sign access tokens. */
export const signingKeys = authSchema.table('signing_keys', {
  /** `kid` of the tokens. */
  id: text('id').primaryKey(),
  publicKey: jsonb('public_key').$type<{ kty: string; crv: string; x: string }>().notNull(),
  /** Private JWK, sealed (core/security/seal.ts). */
  sealedKey: text('sealed_key').notNull(),
  createdAt: at('created_at').notNull().default(sql`now()`),
  /** Published from the start, signs from here on: verifiers know it before they meet it. */
  signsFrom: at('signs_from').notNull(),
  /** Not published and not accepted any more from here on. */
  retiresAt: at('retires_at'),
  revokedAt: at('revoked_at'),
});

/**
 * Everything that may be used once: links in e-mails, the middle of a sign-in, challenges, authorisation codes. The
 * purpose is part of the key, so that one kind never passes for another (RFC 8725 3.11).
 */
export const oneTimeTokens = authSchema.table(
  'one_time_tokens',
  {
    purpose: text('purpose').notNull(),
    /** SHA-256 of the token, base64url. */
    tokenHash: text('token_hash').notNull(),
    userId: userId().references(() => users.id, { onDelete: 'cascade' }),
    data: jsonb('data').$type<Record<string, unknown>>().notNull().default({}),
    attempts: integer('attempts').notNull().default(0),
    createdAt: at('created_at').notNull().default(sql`now()`),
    expiresAt: at('expires_at').notNull(),
    usedAt: at('used_at'),
  },
  (table) => [
    primaryKey({ columns: [table.purpose, table.tokenHash] }),
    index('one_time_tokens_user_id_idx').on(table.userId, table.purpose),
    index('one_time_tokens_expires_at_idx').on(table.expiresAt),
  ],
);

/** E-mails on their way; the text is sealed, because it holds links that open an account. */
export const emails = authSchema.table(
  'emails',
  {
    id: prefixedId('eml')('id').primaryKey(),
    sealedMessage: text('sealed_message'),
    template: text('template').notNull(),
    status: text('status', { enum: ['pending', 'sent', 'failed'] })
      .notNull()
      .default('pending'),
    reason: text('reason'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: at('next_attempt_at').notNull().default(sql`now()`),
    createdAt: at('created_at').notNull().default(sql`now()`),
    sentAt: at('sent_at'),
  },
  (table) => [index('emails_due_idx').on(table.nextAttemptAt).where(sql`${table.status} = 'pending'`)],
);

export const totpCredentials = authSchema.table('totp_credentials', {
  userId: userId()
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  sealedSecret: text('sealed_secret').notNull(),
  confirmedAt: at('confirmed_at'),
  /** The newest time step that was used: no code counts twice. */
  lastStep: bigint('last_step', { mode: 'number' }).notNull().default(0),
  createdAt: at('created_at').notNull().default(sql`now()`),
});

export const recoveryCodes = authSchema.table(
  'recovery_codes',
  {
    userId: userId()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    codeHash: text('code_hash').notNull(),
    usedAt: at('used_at'),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [primaryKey({ columns: [table.userId, table.codeHash] })],
);

export const passkeys = authSchema.table(
  'passkeys',
  {
    id: prefixedId('pky')('id').primaryKey(),
    userId: userId()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    /** base64url, as WebAuthn gives it. */
    credentialId: text('credential_id').notNull(),
    /** COSE key, base64url. */
    publicKey: text('public_key').notNull(),
    counter: bigint('counter', { mode: 'number' }).notNull(),
    transports: textArray('transports').notNull().default(sql`'{}'`),
    backedUp: boolean('backed_up').notNull(),
    createdAt: at('created_at').notNull().default(sql`now()`),
    lastUsedAt: at('last_used_at'),
  },
  (table) => [
    uniqueIndex('passkeys_credential_id_key').on(table.credentialId),
    index('passkeys_user_id_idx').on(table.userId),
  ],
);

/** OpenID providers that people may sign in with. */
export const identityProviders = authSchema.table('identity_providers', {
  /** In paths: `google`. */
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  issuer: text('issuer').notNull(),
  clientId: text('client_id').notNull(),
  sealedClientSecret: text('sealed_client_secret'),
  scopes: text('scopes').notNull().default('openid email profile'),
  /** False: only people who have an account may use it. */
  allowsSignUp: boolean('allows_sign_up').notNull().default(true),
  enabled: boolean('enabled').notNull().default(true),
  createdAt: at('created_at').notNull().default(sql`now()`),
  updatedAt: at('updated_at').notNull().default(sql`now()`),
});

/** A person at a provider, linked to a user here. */
export const identities = authSchema.table(
  'identities',
  {
    providerId: text('provider_id')
      .notNull()
      .references(() => identityProviders.id, { onDelete: 'cascade' }),
    subject: text('subject').notNull(),
    userId: userId()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    email: text('email'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    lastUsedAt: at('last_used_at'),
  },
  (table) => [
    primaryKey({ columns: [table.providerId, table.subject] }),
    index('identities_user_id_idx').on(table.userId),
  ],
);

export const apiKeys = authSchema.table(
  'api_keys',
  {
    id: prefixedId('key')('id').primaryKey(),
    /** Who acts with it: a person, or a service account. */
    userId: userId()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    /** SHA-256 of the whole key, base64url; the key itself is shown once. */
    keyHash: text('key_hash').notNull(),
    /** Its first characters, to recognise it by. */
    prefix: text('prefix').notNull(),
    scopes: textArray('scopes').notNull(),
    /** CIDR; empty: from everywhere. */
    allowedNetworks: textArray('allowed_networks').notNull().default(sql`'{}'`),
    createdBy: userId('created_by').notNull(),
    createdAt: at('created_at').notNull().default(sql`now()`),
    expiresAt: at('expires_at'),
    lastUsedAt: at('last_used_at'),
    lastUsedAddress: text('last_used_address'),
    /** The key that this one replaced; both work until the older one expires. */
    replaces: prefixedId('key')('replaces'),
    revokedAt: at('revoked_at'),
  },
  (table) => [
    uniqueIndex('api_keys_key_hash_key').on(table.keyHash),
    index('api_keys_user_id_idx').on(table.userId),
    index('api_keys_replaces_idx').on(table.replaces).where(sql`${table.replaces} is not null`),
  ],
);

/** Programs that ask for access in a person's name (RFC 7591 metadata). */
export const oauthClients = authSchema.table('oauth_clients', {
  id: prefixedId('cli')('id').primaryKey(),
  name: text('name').notNull(),
  redirectUris: textArray('redirect_uris').notNull(),
  grantTypes: textArray('grant_types').notNull(),
  scopes: textArray('scopes').notNull(),
  /** Null: a public client, which proves itself by PKCE alone. */
  secretHash: text('secret_hash'),
  /** Null: registered itself. */
  createdBy: userId('created_by'),
  createdAt: at('created_at').notNull().default(sql`now()`),
  lastUsedAt: at('last_used_at'),
  disabledAt: at('disabled_at'),
});

/** RFC 8628: a device waits while its person says yes elsewhere. */
export const deviceCodes = authSchema.table(
  'device_codes',
  {
    deviceCodeHash: text('device_code_hash').primaryKey(),
    /** As it is typed, without the dash. */
    userCode: text('user_code').notNull(),
    clientId: prefixedId('cli')('client_id')
      .notNull()
      .references(() => oauthClients.id, { onDelete: 'cascade' }),
    scopes: textArray('scopes').notNull(),
    status: text('status', { enum: ['pending', 'approved', 'denied', 'used'] })
      .notNull()
      .default('pending'),
    userId: userId(),
    /** Of the session that approved it: the grant is no fresher than the sign-in behind it. */
    methods: textArray('methods'),
    authenticatedAt: at('authenticated_at'),
    attempts: integer('attempts').notNull().default(0),
    intervalSeconds: integer('interval_seconds').notNull(),
    lastPolledAt: at('last_polled_at'),
    createdAt: at('created_at').notNull().default(sql`now()`),
    expiresAt: at('expires_at').notNull(),
  },
  (table) => [uniqueIndex('device_codes_user_code_key').on(table.userCode)],
);

export const workspaces = authSchema.table('workspaces', {
  id: prefixedId('wsp')('id').primaryKey(),
  name: text('name').notNull(),
  createdAt: at('created_at').notNull().default(sql`now()`),
  updatedAt: at('updated_at').notNull().default(sql`now()`),
  deletedAt: at('deleted_at'),
});

export const workspaceMembers = authSchema.table(
  'workspace_members',
  {
    workspaceId: workspaceId()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    userId: userId()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** Workspace role: `owner`, `admin`, `member`, `viewer`, or a custom one. */
    role: text('role').notNull(),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [
    primaryKey({ columns: [table.workspaceId, table.userId] }),
    index('workspace_members_user_id_idx').on(table.userId),
  ],
);

export const groups = authSchema.table(
  'groups',
  {
    id: prefixedId('grp')('id').primaryKey(),
    workspaceId: workspaceId()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [uniqueIndex('groups_name_key').on(table.workspaceId, sql`lower(${table.name})`)],
);

/** Of members of the workspace; leaving the workspace leaves its groups. */
export const groupMembers = authSchema.table(
  'group_members',
  {
    groupId: prefixedId('grp')('group_id')
      .notNull()
      .references(() => groups.id, { onDelete: 'cascade' }),
    userId: userId()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    createdAt: at('created_at').notNull().default(sql`now()`),
  },
  (table) => [
    primaryKey({ columns: [table.groupId, table.userId] }),
    index('group_members_user_id_idx').on(table.userId),
  ],
);

export const invitations = authSchema.table(
  'invitations',
  {
    id: prefixedId('inv')('id').primaryKey(),
    workspaceId: workspaceId()
      .notNull()
      .references(() => workspaces.id, { onDelete: 'cascade' }),
    /** Only a user with this verified address may accept. */
    email: text('email').notNull(),
    role: text('role').notNull(),
    tokenHash: text('token_hash').notNull(),
    invitedBy: userId('invited_by').notNull(),
    createdAt: at('created_at').notNull().default(sql`now()`),
    expiresAt: at('expires_at').notNull(),
    acceptedAt: at('accepted_at'),
    revokedAt: at('revoked_at'),
  },
  (table) => [
    uniqueIndex('invitations_token_hash_key').on(table.tokenHash),
    index('invitations_workspace_id_idx').on(table.workspaceId),
  ],
);

/** Security policy of the deployment (no workspace) or of a workspace; models/policies.ts says what is in it. */
export const policies = authSchema.table(
  'policies',
  {
    id: uuid('id').primaryKey().default(sql`gen_random_uuid()`),
    workspaceId: workspaceId().references(() => workspaces.id, { onDelete: 'cascade' }),
    policy: jsonb('policy').$type<Record<string, unknown>>().notNull(),
    updatedAt: at('updated_at').notNull().default(sql`now()`),
    updatedBy: userId('updated_by'),
  },
  (table) => [
    uniqueIndex('policies_workspace_id_key').on(
      sql`coalesce(${table.workspaceId}, '00000000-0000-0000-0000-000000000000'::uuid)`,
    ),
    check('policies_is_object', sql`jsonb_typeof(${table.policy}) = 'object'`),
  ],
);
