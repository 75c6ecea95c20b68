import { z } from '@hono/zod-openapi';
import type { Fetcher } from '../core/config/config.ts';
import { idPattern } from '../core/database/columns.ts';
import { CLIENT_ADDRESS_HEADER } from '../core/http/caller.ts';
import { callSibling } from '../core/resilience/sibling.ts';

export const fileIdSchema = z.string().regex(idPattern('file'), 'must be a file id, file_…');
export const versionIdSchema = z.string().regex(idPattern('ver'), 'must be a version id, ver_…');
export const timestampSchema = z.iso.datetime();

export const analysisStatusSchema = z.enum(['pending', 'processing', 'ready', 'skipped', 'failed']);
export type AnalysisStatus = z.infer<typeof analysisStatusSchema>;

/** A file or folder as every answer shows it. Folders have no content, so its fields are null. */
export const fileSchema = z
  .object({
    id: fileIdSchema,
    kind: z.enum(['file', 'folder']),
    name: z.string(),
    parentId: fileIdSchema.nullable(),
    path: z.string(),
    /** Bytes. */
    size: z.int().nonnegative().nullable(),
    contentType: z.string().nullable(),
    sha256: z.string().nullable(),
    version: z.object({ id: versionIdSchema, number: z.int().positive() }).nullable(),
    analysis: z.object({ status: analysisStatusSchema, reason: z.string().optional() }).nullable(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .openapi('File');
export type File = z.infer<typeof fileSchema>;

/** An entry of the outbox. Readers remember the last `cursor` they have dealt with. */
export const storageEventSchema = z.object({
  cursor: z.string(),
  type: z.enum(['version.created', 'file.renamed', 'file.moved', 'file.trashed', 'folder.created']),
  fileId: fileIdSchema,
  versionId: versionIdSchema.nullable(),
});
export type StorageEvent = z.infer<typeof storageEventSchema>;

export const eventPageSchema = z.object({ events: z.array(storageEventSchema) });

/** Where the bytes of a version can be read for a short while, and what is known about them. */
export const versionSourceSchema = z.object({
  url: z.url(),
  fileId: fileIdSchema,
  name: z.string(),
  contentType: z.string(),
  size: z.int().nonnegative(),
  sha256: z.string(),
});
export type VersionSource = z.infer<typeof versionSourceSchema>;

export const fileLookupSchema = z.object({ ids: z.array(fileIdSchema).max(100) });
export const filePageSchema = z.object({ items: z.array(fileSchema), nextCursor: z.string().nullable() });

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
  };
}
