import type { ObjectEncryption } from './encryption.ts';

/**
 * Where the bytes of versions are kept, encrypted as configured. Everything is said in plaintext bytes: what lies in
 * the bucket is the vault's affair. An object that cannot be encrypted as configured is refused, never stored plain.
 */
export interface Vault {
  readonly encryption: ObjectEncryption;
  /** A key of its own and, under `envelope`, a data key; nothing is stored by this. */
  prepare(id: string, key: string): Promise<NewObject>;
  /**
   * Stores a body of exactly `size` bytes.
   * @returns lower-case hex of the plaintext's SHA-256
   * @throws ObjectRefusedError (digest, length, encryption), DependencyError (outcome unknown)
   */
  put(
    object: NewObject,
    body: ReadableStream<Uint8Array> | Uint8Array,
    options: VaultPutOptions,
  ): Promise<{ readonly sha256: string }>;
  /**
   * The plaintext as an answer: 200, 206 with Content-Range, or 416; undefined when there is no such object. A body
   * that was tampered with, or cut off, ends in an error, never in fewer bytes.
   * @throws EnvelopeError when the object as a whole has not the size that it should have
   */
  get(object: StoredObject, options?: VaultGetOptions): Promise<Response | undefined>;
  /** A URL that reads the plaintext without credentials; undefined under `envelope`, where there is none. */
  presignGet(object: StoredObject, options: PresignGetOptions): Promise<string | undefined>;
  /** A URL that reads what is stored, encrypted or not, for the sidecar. */
  presignStored(object: NewObject, seconds: number): Promise<string>;
  /** The data key, base64, for the sidecar, which decrypts by itself; null when the bucket holds plaintext. */
  dataKey(object: NewObject): Promise<string | null>;

  /** Begins a multipart upload. @returns the store's upload id */
  begin(
    object: NewObject,
    options: { readonly contentType: string; readonly metadata: Metadata },
  ): Promise<string>;
  /**
   * Stores one part. Under `envelope` every part but the last is a multiple of FRAME_BYTES and begins at one.
   * @param part.offset of its first byte in the whole plaintext
   */
  putPart(object: NewObject, uploadId: string, part: NewPart): Promise<UploadedPart>;
  /** A URL that takes exactly `size` bytes as this part; undefined under `envelope`. */
  presignPart(
    object: NewObject,
    uploadId: string,
    part: { readonly number: number; readonly size: number; readonly seconds: number },
  ): Promise<string | undefined>;
  /** All parts that the store has, by number, sizes in stored bytes; undefined when there is no such upload. */
  parts(object: NewObject, uploadId: string): Promise<readonly UploadedPart[] | undefined>;
  /** @throws ObjectRefusedError when a part is missing, too small, or not the one named */
  complete(object: NewObject, uploadId: string, parts: readonly UploadedPart[]): Promise<void>;
  /** Nothing happens when there is no such upload. */
  abort(object: NewObject, uploadId: string): Promise<void>;

  /** Bytes in the bucket of an object of so many bytes of plaintext. */
  storedSize(object: NewObject, size: number): number;
  /** The data key wrapped under the current key-encryption key; undefined when it is already, or there is none. */
  rewrap(object: NewObject): Promise<string | undefined>;
}

export type Metadata = Readonly<Record<string, string>>;

/** What has to be known of an object before it is there. */
export interface NewObject {
  readonly id: string;
  readonly key: string;
  readonly encryption: ObjectEncryption;
  /** Under `envelope`: the data key, sealed under the key-encryption key. Without it the object is unreadable. */
  readonly wrappedKey: string | null;
}

export interface StoredObject extends NewObject {
  /** Of the plaintext, bytes. */
  readonly size: number;
}

export interface VaultPutOptions {
  readonly size: number;
  readonly contentType: string;
  /** As announced, lower-case hex: the bytes are refused when they have another. */
  readonly sha256?: string;
  readonly metadata: Metadata;
  readonly signal?: AbortSignal;
}

export interface VaultGetOptions {
  /** A `Range` header value of one range. */
  readonly range?: string;
  readonly signal?: AbortSignal;
}

export interface PresignGetOptions {
  readonly seconds: number;
  /** Sent by the store in place of its own. */
  readonly contentType?: string;
  readonly contentDisposition?: string;
}

export interface NewPart {
  /** From 1 to 10,000. */
  readonly number: number;
  readonly offset: number;
  readonly size: number;
  /** The object ends with this part. */
  readonly last: boolean;
  readonly body: ReadableStream<Uint8Array> | Uint8Array;
  readonly signal?: AbortSignal;
}

export interface UploadedPart {
  readonly number: number;
  readonly etag: string;
  /** Bytes as stored. */
  readonly size: number;
}
