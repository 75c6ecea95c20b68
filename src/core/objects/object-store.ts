/** Immutable objects by key. Keys are made by the caller, once, and never written twice. */
export interface ObjectStore {
  /**
   * Stores a body of exactly `size` bytes. When `sha256` is given a store that knows checksums checks the bytes.
   * Bytes in memory are sent again when the store falters; a stream never is.
   * @throws ObjectRefusedError when the store refuses the bytes (wrong digest, fewer bytes than announced), or does
   *   not say that it encrypted them as asked.
   * @throws DependencyError when the store is unreachable or faulty; what became of the object is then unknown.
   */
  put(key: string, body: Body, options: PutOptions): Promise<PutResult>;
  /** The store's own answer to a GET (200, 206, 416), with the body untouched; undefined when there is no such object. */
  get(key: string, options?: GetOptions): Promise<Response | undefined>;
  head(key: string): Promise<ObjectHead | undefined>;
  /** In the binary order of keys, from the first one behind `after`. */
  list(page: {
    readonly prefix: string;
    readonly after?: string;
    readonly limit: number;
  }): Promise<ObjectPage>;
  delete(key: string): Promise<void>;
  /** Those that are not there count as deleted. @throws DependencyError when any other could not be. */
  deleteMany(keys: readonly string[]): Promise<void>;
  /** A URL that reads this one object, without further credentials, until it expires. */
  presignGet(key: string, expiresInSeconds: number, overrides?: ResponseOverrides): Promise<string>;
  /** Resolves when the bucket answers. */
  check(): Promise<void>;
  readonly multipart: MultipartStore;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html: 10,000 parts of 5 MiB (but the last) to 5 GiB. */
export interface MultipartStore {
  /** @returns the upload's id */
  create(key: string, options: NewObjectOptions): Promise<string>;
  /** Replaces a part of the same number. @returns the part's ETag without quotes */
  putPart(key: string, uploadId: string, part: PartBody): Promise<string>;
  /** A URL that takes exactly `size` bytes as this part: the length is signed, another one is refused with 403. */
  presignPart(
    key: string,
    uploadId: string,
    part: { readonly number: number; readonly size: number },
    expiresInSeconds: number,
  ): Promise<string>;
  /** All of them, by number; undefined when there is no such upload. */
  parts(key: string, uploadId: string): Promise<readonly StoredPart[] | undefined>;
  /**
   * Makes the parts the object. May be repeated: an object of this size under this key is taken for its own.
   * @throws ObjectRefusedError (no_upload, part_missing, part_order, part_too_small)
   */
  complete(key: string, uploadId: string, parts: readonly StoredPart[]): Promise<void>;
  /** Nothing happens when there is no such upload. */
  abort(key: string, uploadId: string): Promise<void>;
  /** Uploads neither completed nor aborted, in order of key and id. */
  list(page: {
    readonly prefix: string;
    readonly after?: UploadMark;
    readonly limit: number;
  }): Promise<UploadPage>;
}

export type Body = ReadableStream<Uint8Array> | Uint8Array;

/** What the store is told to encrypt with; it must say that it did. */
export type StoreEncryption =
  | { readonly algorithm: 'AES256' }
  | { readonly algorithm: 'aws:kms'; readonly keyId: string };

export interface NewObjectOptions {
  readonly contentType: string;
  /** User metadata; any Unicode, stored percent-encoded. At most 2 KB together. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly encryption?: StoreEncryption;
}

export interface PutOptions extends NewObjectOptions {
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256?: string;
  readonly signal?: AbortSignal;
}

export interface PutResult {
  /** False when the store did not say that it compared the bytes with `sha256`. */
  readonly digestChecked: boolean;
}

export interface GetOptions {
  /** A `Range` header value. */
  readonly range?: string;
  readonly signal?: AbortSignal;
}

export interface ResponseOverrides {
  readonly contentType?: string;
  readonly contentDisposition?: string;
}

export interface ObjectHead {
  readonly size: number;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The store's own checksum, lower-case hex, if it keeps one of the whole object. */
  readonly sha256?: string;
  readonly modifiedAt: Date;
}

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  readonly modifiedAt: Date;
}

export interface ObjectPage {
  readonly objects: readonly ListedObject[];
  /** The `after` of the next page; null at the end. */
  readonly next: string | null;
}

export interface PartBody {
  readonly number: number;
  readonly size: number;
  readonly body: Body;
  readonly signal?: AbortSignal;
}

export interface StoredPart {
  readonly number: number;
  /** Without quotes. */
  readonly etag: string;
  readonly size: number;
}

export interface UploadMark {
  readonly key: string;
  readonly uploadId: string;
}

export interface UploadPage {
  readonly uploads: readonly (UploadMark & { readonly startedAt: Date })[];
  readonly next: UploadMark | null;
}

export type RefusalReason =
  | 'digest_mismatch'
  | 'incomplete'
  | 'not_encrypted'
  | 'no_upload'
  | 'part_missing'
  | 'part_order'
  | 'part_too_small'
  | 'other';

export class ObjectRefusedError extends Error {
  override name = 'ObjectRefusedError';
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
