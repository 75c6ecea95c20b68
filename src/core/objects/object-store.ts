/** Immutable objects by key. Keys are made by the caller, once, and never written twice. */
export interface ObjectStore {
  /**
   * Stores a body of exactly `size` bytes. When `sha256` is given the store itself checks the bytes against it.
   * @throws ObjectRefusedError when the store refuses the bytes (wrong digest, fewer bytes than announced).
   * @throws DependencyError when the store is unreachable or faulty; what became of the object is then unknown.
   */
  put(key: string, body: ReadableStream<Uint8Array> | Uint8Array, options: PutOptions): Promise<void>;
  /** The store's own answer to a GET (200, 206, 416), with the body untouched; undefined when there is no such object. */
  get(key: string, options?: GetOptions): Promise<Response | undefined>;
  delete(key: string): Promise<void>;
  /** A URL that reads this one object, without further credentials, until it expires. */
  presignGet(key: string, expiresInSeconds: number): Promise<string>;
  /** Resolves when the bucket answers. */
  check(): Promise<void>;
}

export interface PutOptions {
  readonly size: number;
  readonly contentType: string;
  /** Lower-case hex. */
  readonly sha256?: string;
  /** User metadata; any Unicode, stored percent-encoded. At most 2 KB together. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface GetOptions {
  /** A `Range` header value. */
  readonly range?: string;
  readonly signal?: AbortSignal;
}

export class ObjectRefusedError extends Error {
  override name = 'ObjectRefusedError';
  readonly reason: 'digest_mismatch' | 'incomplete' | 'other';

  constructor(reason: 'digest_mismatch' | 'incomplete' | 'other', message: string) {
    super(message);
    this.reason = reason;
  }
}
