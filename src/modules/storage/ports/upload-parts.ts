import type { Upload } from './uploads.ts';

/** An upload in parts as its user meets it. */
export interface OwnUpload {
  readonly upload: Upload;
  /** Its time is over, whether somebody has already looked after that or not. */
  readonly isExpired: boolean;
  /** What the user may do now where it goes, as a rank. */
  readonly rank: number;
}

/** Bytes that are kept besides whole parts. */
export interface Tail {
  readonly key: string;
  readonly bytes: number;
  readonly wrappedKey: string | null;
}

/** For a writer that keeps quiet for so long it is over: somebody else may write. */
export const LEASE_SECONDS = 10;

/** What becomes of bytes in parts. One writer at a time: every change asks for the lease. */
export interface UploadPartsRepository {
  /** Undefined when it is nobody's or somebody else's, or came through a link. */
  own(userId: string, uploadId: string): Promise<OwnUpload | undefined>;
  /** Those that can be gone on with, the oldest first. */
  listActive(userId: string, after: string | null, limit: number): Promise<Upload[]>;
  /** False when another digest was announced before. */
  announce(uploadId: string, sha256: string): Promise<boolean>;
  /**
   * Undefined while another writer has it, and when there is nothing to write to any more. The number of the part that
   * a writer had in hand who did not come back is never used again: bytes may still arrive under it.
   */
  acquire(uploadId: string, token: string): Promise<Upload | undefined>;
  /** False when the lease is somebody else's by now. */
  renew(uploadId: string, token: string): Promise<boolean>;
  /**
   * After the bytes are durable: so many are kept, the tail replaces the one before (whose bytes go). Of an upload of
   * unknown length the quota grows with it.
   */
  keep(
    upload: Upload,
    token: string,
    progress: { readonly receivedBytes: number; readonly tail: Tail | null },
  ): Promise<'kept' | 'lost' | 'quota_exceeded'>;
  /** @param bytesMayCome nobody knows what became of the last part: its number is not used again */
  release(uploadId: string, token: string, bytesMayCome: boolean): Promise<void>;
  /** Bytes that no row names: they are deleted. */
  forget(key: string, bytesMayComeSeconds: number): Promise<void>;
}

/** The number of the part that comes next. */
export function nextPart({ receivedBytes, tailBytes, partBytes, skippedParts }: Upload): number {
  return Math.floor((receivedBytes - tailBytes) / (partBytes ?? 1)) + skippedParts.length + 1;
}
