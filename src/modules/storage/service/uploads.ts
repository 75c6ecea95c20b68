import { ObjectRefusedError } from '../../../core/objects/object-store.ts';
import type { NewObject, StoredObject, Vault } from '../../../core/objects/vault.ts';
import { storageError } from '../errors.ts';
import { nameKey } from '../models/names.ts';
import type {
  ConflictPolicy,
  Upload,
  UploadDoor,
  UploadEnd,
  UploadRefusal,
  UploadRepository,
} from '../ports/uploads.ts';
import type { WrappedKeys } from './wrapped-keys.ts';

/** Where an upload goes, and on which condition. */
export interface UploadTarget {
  readonly userId: string;
  readonly linkId?: string | undefined;
  readonly driveId?: string | undefined;
  readonly parentId?: string | undefined;
  readonly name: string;
  readonly conflict?: ConflictPolicy | undefined;
  /** A new version of this file. */
  readonly targetId?: string | undefined;
  readonly expectedVersionId?: string | undefined;
  /** The id of the file and of the version to be made; for calls that may be repeated. */
  readonly resourceUuid?: string | undefined;
  /** The same for the id of the upload. */
  readonly uploadUuid?: string | undefined;
  /** An earlier try may have made it already. */
  readonly isRepeated?: boolean | undefined;
}

export interface UploadStart {
  readonly door: UploadDoor;
  readonly size: number | null;
  readonly contentType: string;
  /** As announced, lower-case hex. */
  readonly sha256?: string | undefined;
  /** Begins an upload in parts at the object store. */
  readonly inParts: boolean;
  readonly partBytes?: number | undefined;
  readonly metadata?: string | undefined;
  readonly lifetimeSeconds: number;
}

export interface UploadMachineDependencies {
  readonly repository: UploadRepository;
  readonly vault: Vault;
  /** Keeps the wrapped data key of an object in the bucket. */
  readonly keys: Pick<WrappedKeys, 'keep'>;
  readonly newId: (prefix: 'file' | 'ver' | 'obj' | 'upl') => string;
  /** What the content really is, looked at in the store; the type to serve, and the announced one if it is another. */
  readonly mediaType: (
    object: StoredObject,
    announced: string,
    name: string,
  ) => Promise<{ readonly contentType: string; readonly announcedType: string | null }>;
  /** Whether every new object is to be looked at by the malware scanner. */
  readonly scans: boolean;
}

export type UploadMachine = ReturnType<typeof createUploadMachine>;

/** How long after its client went away a body may still reach the store. */
const BYTES_MAY_COME_SECONDS = 20 * 60;
/** Each one fails only because somebody else took the name, or moved the folder, just then. */
const NAME_ATTEMPTS = 20;

/**
 * The one way of an upload, whichever door it takes: begin (place and quota are held), bytes, finish (one transaction)
 * or abort. What breaks off in between is ended by the sweeper when it expires.
 */
export function createUploadMachine(dependencies: UploadMachineDependencies) {
  const { repository, vault, newId, scans } = dependencies;

  async function begin(target: UploadTarget, start: UploadStart): Promise<Upload> {
    const ids = newIds(target, newId);
    // A call that is repeated must not meet what its first try has left in the bucket.
    const leaf = target.isRepeated ? ids.objectId : ids.versionId;
    const object = await vault.prepare(ids.objectId, `objects/${ids.fileId}/${leaf}`);
    const { contentType } = start;
    const metadata = objectMetadata(target, ids, object, start.sha256);
    const storeUploadId = start.inParts ? await vault.begin(object, { contentType, metadata }) : null;
    const begun = await repository.begin({
      id: ids.uploadId,
      door: start.door,
      userId: target.userId,
      linkId: target.linkId ?? null,
      driveId: target.driveId ?? target.userId,
      parentId: target.parentId ?? null,
      targetId: target.targetId ?? null,
      expectedVersionId: target.expectedVersionId ?? null,
      name: target.name,
      nameKey: nameKey(target.name),
      conflict: target.conflict ?? 'fail',
      contentType,
      size: start.size,
      announcedSha256: start.sha256 ?? null,
      fileId: ids.fileId,
      versionId: ids.versionId,
      object,
      storeUploadId,
      partBytes: start.partBytes ?? null,
      metadata: start.metadata ?? null,
      lifetimeSeconds: start.lifetimeSeconds,
    });
    if (begun !== 'begun') {
      if (storeUploadId !== null) await vault.abort(object, storeUploadId).catch(() => undefined);
      throw storageError(begun);
    }
    try {
      await dependencies.keys.keep(object);
      const upload = await repository.find(ids.uploadId);
      if (upload === undefined) throw new Error(`upload ${ids.uploadId} is not there`);
      return upload;
    } catch (error) {
      await repository.abort(ids.uploadId, 'interrupted', 0).catch(() => undefined);
      throw error;
    }
  }

  /**
   * All bytes are in the store. Finishing what is finished gives the same answer again.
   * @param sha256 null when nobody has read them yet
   * @throws AppError, the upload being still active: a conflict of names, a lost right, a changed file
   */
  async function finish(
    upload: Upload,
    bytes: { readonly size: number; readonly sha256: string | null },
  ): Promise<{ readonly fileId: string; readonly versionId: string }> {
    const stored = { ...upload.object, size: bytes.size };
    const type = await dependencies.mediaType(stored, upload.contentType, upload.name);
    const end = { ...bytes, ...type, checkDue: bytes.sha256 === null || scans };
    const result = await commit(repository, upload, end);
    if (typeof result !== 'string') return result;
    throw result === 'aborted' ? storageError('upload_not_found') : storageError(result);
  }

  return {
    begin,
    finish,
    find: (uploadId: string) => repository.find(uploadId),
    resize: (uploadId: string, size: number) => repository.resize(uploadId, size),
    abort: (uploadId: string, reason: string, bytesMayComeSeconds = 0) =>
      repository.abort(uploadId, reason, bytesMayComeSeconds),

    /** Through the edge: the whole body in one request. */
    async store(
      target: UploadTarget,
      body: ReadableStream<Uint8Array> | Uint8Array,
      start: Omit<UploadStart, 'door' | 'inParts' | 'size' | 'lifetimeSeconds'> & { readonly size: number },
    ): Promise<{ readonly fileId: string; readonly versionId: string }> {
      const upload = await begin(target, { ...start, door: 'edge', inParts: false, lifetimeSeconds: 3_600 });
      const ids = { fileId: upload.fileId, versionId: upload.versionId, objectId: upload.object.id };
      try {
        const { sha256 } = await vault.put(upload.object, body, {
          size: start.size,
          contentType: start.contentType,
          ...(start.sha256 ? { sha256: start.sha256 } : {}),
          metadata: objectMetadata(target, ids, upload.object, start.sha256),
        });
        return await finish(upload, { size: start.size, sha256 });
      } catch (error) {
        const refusal = refusalOf(error);
        // What the store refused is not there; of everything else nobody knows.
        await repository
          .abort(upload.id, refusal ?? 'interrupted', refusal ? 0 : BYTES_MAY_COME_SECONDS)
          .catch(() => undefined);
        throw refusal === undefined ? error : storageError(refusal, { cause: error });
      }
    },
  };
}

interface UploadIds {
  readonly fileId: string;
  readonly versionId: string;
  readonly objectId: string;
}

function newIds(
  target: UploadTarget,
  newId: UploadMachineDependencies['newId'],
): UploadIds & { uploadId: string } {
  const given = target.resourceUuid?.replaceAll('-', '');
  const own = (prefix: 'file' | 'ver') => (given === undefined ? newId(prefix) : `${prefix}_${given}`);
  return {
    uploadId: target.uploadUuid ? `upl_${target.uploadUuid.replaceAll('-', '')}` : newId('upl'),
    objectId: newId('obj'),
    fileId: target.targetId ?? own('file'),
    versionId: own('ver'),
  };
}

/** So that the bucket explains itself (docs/object-keys.md). */
function objectMetadata(
  target: UploadTarget,
  ids: UploadIds,
  { encryption }: NewObject,
  sha256: string | undefined,
) {
  return {
    'file-id': ids.fileId,
    'version-id': ids.versionId,
    'object-id': ids.objectId,
    'owner-id': target.driveId ?? target.userId,
    'created-by': target.userId,
    name: target.name,
    encryption,
    ...(target.parentId ? { 'parent-id': target.parentId } : {}),
    ...(sha256 ? { sha256 } : {}),
  };
}

function refusalOf(
  error: unknown,
): 'digest_mismatch' | 'upload_incomplete' | 'encryption_unavailable' | undefined {
  if (!(error instanceof ObjectRefusedError)) return undefined;
  if (error.reason === 'digest_mismatch') return 'digest_mismatch';
  if (error.reason === 'incomplete') return 'upload_incomplete';
  return error.reason === 'not_encrypted' ? 'encryption_unavailable' : undefined;
}

async function commit(
  repository: UploadRepository,
  upload: Upload,
  end: Omit<UploadEnd, 'target'>,
): Promise<{ fileId: string; versionId: string } | UploadRefusal | 'aborted'> {
  const placeId = upload.parentId ?? upload.driveId;
  const create = (name: string) => ({ kind: 'create', name, nameKey: nameKey(name) }) as const;
  let target: UploadEnd['target'] = upload.targetId
    ? { kind: 'version', fileId: upload.targetId, expectedVersionId: upload.expectedVersionId }
    : create(upload.name);
  for (let left = NAME_ATTEMPTS; left > 0; left -= 1) {
    const result = await repository.complete(upload.id, { ...end, target });
    if (result === 'changed_meanwhile') continue;
    const replacedIsGone = result === 'file_not_found' && upload.targetId === null;
    if (result !== 'name_conflict' && !replacedIsGone) return result;
    if (upload.conflict === 'rename') target = create(await repository.freeName(placeId, upload.name));
    else if (upload.conflict === 'replace') {
      const sibling = await repository.sibling(placeId, nameKey(upload.name));
      if (sibling?.kind === 'folder') return 'name_conflict';
      target = sibling
        ? {
            kind: 'version',
            fileId: sibling.id,
            expectedVersionId: null,
            foundAs: nameKey(upload.name),
          }
        : create(upload.name);
    } else return 'name_conflict';
  }
  return 'name_conflict';
}
