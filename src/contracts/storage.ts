import { z } from '@hono/zod-openapi';
import type { Fetcher } from '../core/config/config.ts';
import { idPattern } from '../core/database/columns.ts';
import { CLIENT_ADDRESS_HEADER } from '../core/http/caller.ts';
import { plainTextSchema } from '../core/http/plain-text.ts';
import { callSibling } from '../core/resilience/sibling.ts';

export const fileIdSchema = z.string().regex(idPattern('file'), 'must be a file id, file_…');
export const versionIdSchema = z.string().regex(idPattern('ver'), 'must be a version id, ver_…');
export const userIdSchema = z.string().regex(idPattern('usr'), 'must be a user id, usr_…');
export const timestampSchema = z.iso.datetime();
/** A drive is named by whose it is: a person or a workspace. */
export const driveIdSchema = z.string().regex(/^(usr|wsp)_[0-9a-f]{32}$/, 'must be usr_… or wsp_…');

export const analysisStatusSchema = z.enum(['pending', 'processing', 'ready', 'skipped', 'failed']);
export type AnalysisStatus = z.infer<typeof analysisStatusSchema>;

/** A file or folder as every answer shows it. Folders have no content, so its fields are null. */
export const fileSchema = z
  .object({
    id: fileIdSchema,
    kind: z.enum(['file', 'folder']),
    name: z.string(),
    driveId: driveIdSchema,
    /** Null at the root of the drive, and where the caller does not get to see the folder. */
    parentId: fileIdSchema.nullable(),
    /** From the root, or from the topmost folder that the caller gets to see. */
    path: z.string(),
    /** What the caller may do with it. */
    role: z.enum(['viewer', 'commenter', 'editor', 'manager']),
    /** Bytes. */
    size: z.int().nonnegative().nullable(),
    contentType: z.string().nullable(),
    /** Lower-case hex; null for a short while after an upload in parts, until somebody has read the bytes. */
    sha256: z.string().nullable(),
    /** With the quotes, as the header of the content has it. */
    etag: z.string().nullable(),
    version: z.object({ id: versionIdSchema, number: z.int().positive() }).nullable(),
    /** `live`, or why the content is not handed out. */
    content: z.enum(['live', 'missing', 'corrupt', 'infected']).nullable(),
    tags: z.array(z.string()),
    metadata: z.record(z.string(), z.string()),
    favourite: z.boolean(),
    trashedAt: timestampSchema.nullable(),
    analysis: z.object({ status: analysisStatusSchema, reason: z.string().optional() }).nullable(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .openapi('File');
export type File = z.infer<typeof fileSchema>;

/** All that happens to files; each is also a type of webhook. */
export const storageEventTypeSchema = z.enum([
  'version.created',
  'version.deleted',
  'version.labelled',
  'folder.created',
  'file.copied',
  'file.renamed',
  'file.moved',
  'file.changed',
  'file.trashed',
  'file.restored',
  'file.purged',
  'access.changed',
  'comment.created',
  'comment.deleted',
  'content.verified',
  'content.refused',
  'content.repaired',
]);
export type StorageEventType = z.infer<typeof storageEventTypeSchema>;

/** An entry of the outbox. Readers remember the last `cursor` they have dealt with. */
export const storageEventSchema = z.object({
  cursor: z.string(),
  /** One of `storageEventTypeSchema`, or what a newer storage module tells: readers pass over what they do not know. */
  type: z.string(),
  fileId: fileIdSchema,
  versionId: versionIdSchema.nullable(),
  /** Of the request that caused it (W3C Trace Context). */
  traceparent: z.string().nullish(),
});
export type StorageEvent = z.infer<typeof storageEventSchema>;

export const eventPageSchema = z.object({ events: z.array(storageEventSchema) });

/** Where the bytes of a version can be read for a short while, and what is known about them. */
export const versionSourceSchema = z.object({
  url: z.url(),
  fileId: fileIdSchema,
  driveId: driveIdSchema,
  name: z.string(),
  contentType: z.string(),
  size: z.int().nonnegative(),
  sha256: z.string().nullable(),
  /** What lies there is encrypted in frames (docs/decisions/0017); the data key, base64. */
  decryption: z.object({ id: z.string(), key: z.string() }).optional(),
});
export type VersionSource = z.infer<typeof versionSourceSchema>;

export const fileLookupSchema = z.object({ ids: z.array(fileIdSchema).max(100) });
export const filePageSchema = z.object({ items: z.array(fileSchema), nextCursor: z.string().nullable() });

const MAX_TAG_BYTES = 64;

/** Tags are the same if their bytes are. */
export const tagSchema = plainTextSchema
  .min(1, 'must not be empty')
  .refine(
    (tag) => new TextEncoder().encode(tag).length <= MAX_TAG_BYTES,
    `must have at most ${MAX_TAG_BYTES} bytes in UTF-8`,
  )
  .refine((tag) => !tag.startsWith('\ufeff'), 'must not begin with a byte order mark');

/**
 * `POST /internal/files/{id}/rule-actions`: a rule of a drive acts on a file in the name of whoever made the rule, with
 * the rights that they have at that moment. For the AI processor only; doing it twice is doing it once.
 */
export const ruleActionSchema = z.strictObject({
  actorId: userIdSchema,
  ruleId: z.string().regex(idPattern('rul'), 'must be a rule id, rul_…'),
  /** The rule's drive: what has left it is not its business. */
  driveId: driveIdSchema,
  /** It was this content that the rule was about: it does nothing to another. */
  versionId: versionIdSchema,
  action: z.union([
    z.strictObject({ addTag: tagSchema }),
    /** A folder of the same drive. A name that is taken there gets a number. */
    z.strictObject({ moveTo: fileIdSchema }),
  ]),
});
export type RuleAction = z.infer<typeof ruleActionSchema>;

export const ruleOutcomeSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('done') }),
  /** For good, with the reason for a person to read. */
  z.object({ outcome: z.literal('refused'), reason: z.string() }),
]);
export type RuleOutcome = z.infer<typeof ruleOutcomeSchema>;

/** A request goes on to a sibling with the credential and the address it came with. */
export interface CallInTheNameOf {
  readonly credential: string;
  readonly address: string | null;
}

/** What the AI module asks of the storage module. Internal paths are not routed by the gateway. */
export interface StorageClient {
  /** Events after `cursor` (null: from the beginning), oldest first, complete and in order. */
  events(cursor: string | null, limit: number): Promise<StorageEvent[]>;
  /** Undefined when the version is gone, or its file is in the trash. */
  versionSource(versionId: string): Promise<VersionSource | undefined>;
  /** Those of the files that the caller may see now, in no particular order. */
  files(ids: readonly string[], caller: CallInTheNameOf): Promise<File[]>;
  applyRule(fileId: string, action: RuleAction): Promise<RuleOutcome>;
}

export interface StorageClientOptions {
  readonly storage: Fetcher;
  readonly serviceToken: () => Promise<string>;
  readonly requestId: string;
}

export function createStorageClient({
  storage,
  serviceToken,
  requestId,
}: StorageClientOptions): StorageClient {
  function send(path: string, { credential, address }: CallInTheNameOf, body?: unknown): Promise<Response> {
    const headers = {
      authorization: `Bearer ${credential}`,
      'x-request-id': requestId,
      'content-type': 'application/json',
      ...(address === null ? {} : { [CLIENT_ADDRESS_HEADER]: address }),
    };
    return callSibling(
      'storage',
      storage,
      path,
      body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) },
    );
  }
  const asService = async () => ({ credential: await serviceToken(), address: null });

  return {
    async events(cursor, limit) {
      const query = new URLSearchParams({
        limit: String(limit),
        ...(cursor === null ? {} : { after: cursor }),
      });
      const response = await send(`/internal/events?${query}`, await asService());
      return eventPageSchema.parse(await response.json()).events;
    },
    async versionSource(versionId) {
      const response = await send(`/internal/versions/${versionId}/source`, await asService());
      if (response.ok) return versionSourceSchema.parse(await response.json());
      await response.body?.cancel();
      return undefined;
    },
    async files(ids, caller) {
      const response = await send('/internal/files/lookup', caller, { ids });
      return z.object({ items: z.array(fileSchema) }).parse(await response.json()).items;
    },
    async applyRule(fileId, action) {
      const response = await send(`/internal/files/${fileId}/rule-actions`, await asService(), action);
      return ruleOutcomeSchema.parse(await response.json());
    },
  };
}
