import type { NewObject } from '../../../core/objects/vault.ts';

export type UploadDoor = 'edge' | 'multipart' | 'tus';
export type ConflictPolicy = 'fail' | 'rename' | 'replace';

/** What has to be known to begin. Place and quota are held for it until it ends, one way or the other. */
export interface UploadBeginning {
  readonly id: string;
  readonly door: UploadDoor;
  readonly userId: string;
  /** Through a link for uploads; `userId` is then who made the link. */
  readonly linkId: string | null;
  /** `usr_…` or `wsp_…`; where `targetId` or `parentId` is given it is theirs that counts. */
  readonly driveId: string;
  readonly parentId: string | null;
  /** A new version of this file; null for a new file. */
  readonly targetId: string | null;
  /** The version that has to be the current one at the end still; null for whichever. */
  readonly expectedVersionId: string | null;
  readonly name: string;
  readonly nameKey: string;
  readonly conflict: ConflictPolicy;
  readonly contentType: string;
  /** Null when it is not known yet (TUS, Upload-Defer-Length): `resize` says it. */
  readonly size: number | null;
  readonly announcedSha256: string | null;
  readonly fileId: string;
  readonly versionId: string;
  readonly object: NewObject;
  readonly storeUploadId: string | null;
  readonly partBytes: number | null;
  readonly metadata: string | null;
  readonly lifetimeSeconds: number;
}

export type UploadRefusal =
  | 'folder_not_found'
  | 'file_not_found'
  | 'not_a_file'
  | 'role_required'
  | 'name_conflict'
  | 'folder_too_deep'
  | 'quota_exceeded'
  | 'precondition_failed';

export interface Upload {
  readonly id: string;
  readonly door: UploadDoor;
  readonly state: 'active' | 'completed' | 'aborted';
  readonly reason: string | null;
  readonly userId: string;
  readonly linkId: string | null;
  readonly driveId: string;
  readonly parentId: string | null;
  readonly targetId: string | null;
  readonly expectedVersionId: string | null;
  readonly name: string;
  readonly conflict: ConflictPolicy;
  readonly contentType: string;
  readonly size: number | null;
  readonly announcedSha256: string | null;
  readonly fileId: string;
  readonly versionId: string;
  readonly object: NewObject;
  readonly storeUploadId: string | null;
  readonly partBytes: number | null;
  readonly receivedBytes: number;
  readonly tailKey: string | null;
  readonly tailBytes: number;
  readonly tailWrappedKey: string | null;
  readonly skippedParts: readonly number[];
  readonly metadata: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** What is known once all bytes are there. */
export interface UploadEnd {
  readonly size: number;
  /** Null when nobody has read the bytes: then a check is due. */
  readonly sha256: string | null;
  /** As it will be served, and what the client said where that is something else. */
  readonly contentType: string;
  readonly announcedType: string | null;
  /** Reading the bytes again (hash, malware) is due. */
  readonly checkDue: boolean;
  /** Where it goes: a new entry of this name, or a new version of a file that is there. */
  readonly target:
    | { readonly kind: 'create'; readonly name: string; readonly nameKey: string }
    | {
        readonly kind: 'version';
        readonly fileId: string;
        readonly expectedVersionId: string | null;
        /** By this name it was found, where the upload goes: it must have it still. */
        readonly foundAs?: string | undefined;
      };
}

export interface UploadRepository {
  begin(beginning: UploadBeginning): Promise<'begun' | UploadRefusal>;
  /** Any upload by its id; the caller looks whose it is. */
  find(uploadId: string): Promise<Upload | undefined>;
  /** For an upload whose length was not known: reserves what it needs more. */
  resize(uploadId: string, size: number): Promise<'resized' | 'quota_exceeded' | 'not_active'>;
  /**
   * The version, its object, its event, the settled quota and the end of the upload in one transaction. Rights and
   * place are looked at again. Whoever completes what is completed learns where it went. `changed_meanwhile`: the place
   * went to another drive just then, and it can be tried again.
   */
  complete(
    uploadId: string,
    end: UploadEnd,
  ): Promise<
    { readonly fileId: string; readonly versionId: string } | UploadRefusal | 'aborted' | 'changed_meanwhile'
  >;
  /**
   * Gives quota and place back and asks for the deletion of the bytes. False when it had ended already.
   * @param bytesMayComeSeconds how long a request that is still on its way may bring them
   */
  abort(uploadId: string, reason: string, bytesMayComeSeconds: number): Promise<boolean>;
  /** A name like this one that nobody in the place has, `name (2).ext`. */
  freeName(placeId: string, name: string): Promise<string>;
  /** The live entry of this name, if any. */
  sibling(placeId: string, nameKey: string): Promise<{ id: string; kind: 'file' | 'folder' } | undefined>;
}
