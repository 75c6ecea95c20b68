import type { Payload } from './authenticate.ts';
import { decodeChunked } from './chunked.ts';
import { type ChecksumAlgorithm, createDigests, type Verified } from './digests.ts';
import { S3Error } from './errors.ts';

export interface ReceiveOptions {
  etag: boolean;
  maxBytes: number;
  /** Computed even if the client announces no checksum. */
  algorithm?: ChecksumAlgorithm | undefined;
  ignoreChecksum?: boolean;
}

export interface Received extends Verified {
  size: number;
}

export interface TextOptions {
  /** The x-amz-checksum- headers speak of the object to be made, not of the document that was sent. */
  checksumOfObject: boolean;
}

/** The body of one request, readable once. */
export interface RequestBody {
  /**
   * Streams the decoded bytes to `sink` and checks them against every length, digest and signature the client gave.
   * Throws before or after the last byte; what the sink got counts only once this has returned.
   */
  receive(options: ReceiveOptions, sink: (chunk: Buffer) => Promise<void> | undefined): Promise<Received>;
  /** The whole of a small document; MaxMessageLengthExceeded above `maxBytes`. */
  text(maxBytes: number, options?: TextOptions): Promise<string>;
}

export interface BodySource {
  headers: ReadonlyMap<string, string>;
  payload: Payload;
  stream: AsyncIterable<Buffer>;
  /** Tells a client that waits with `Expect: 100-continue` to send; called when reading begins. */
  begin(): void;
}

export function createRequestBody(source: BodySource): RequestBody {
  const receive: RequestBody['receive'] = async (options, sink) => {
    const { headers, payload } = source;
    const expected = expectedBytes(headers, payload);
    if (expected !== undefined && expected > options.maxBytes) throw new S3Error('EntityTooLarge');
    const digests = createDigests({
      headers: options.ignoreChecksum ? withoutChecksums(headers) : headers,
      signedSha256: payload.kind === 'hashed' ? payload.sha256 : undefined,
      algorithm: options.algorithm,
      etag: options.etag,
    });
    const trailers = new Map<string, string>();
    const chunks =
      payload.kind === 'chunked' ? decodeChunked(source.stream, payload, trailers) : source.stream;
    let size = 0;
    source.begin();
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > options.maxBytes) throw new S3Error('EntityTooLarge');
      if (expected !== undefined && size > expected) throw new S3Error('IncompleteBody');
      digests.update(chunk);
      const pending = sink(chunk);
      if (pending) await pending;
    }
    if (expected !== undefined && size !== expected) throw new S3Error('IncompleteBody');
    return { size, ...digests.finish(trailers) };
  };

  const text: RequestBody['text'] = async (maxBytes, { checksumOfObject } = { checksumOfObject: false }) => {
    const chunks: Buffer[] = [];
    try {
      await receive({ etag: false, maxBytes, ignoreChecksum: checksumOfObject }, (chunk) => {
        chunks.push(chunk);
        return undefined;
      });
    } catch (error) {
      if (error instanceof S3Error && error.code === 'EntityTooLarge')
        throw new S3Error('MaxMessageLengthExceeded');
      throw error;
    }
    return Buffer.concat(chunks).toString('utf8');
  };
  return { receive, text };
}

/** Decoded bytes to come. Undefined when the client streams a length it does not know, which S3 itself refuses. */
function expectedBytes(headers: ReadonlyMap<string, string>, payload: Payload): number | undefined {
  const name = payload.kind === 'chunked' ? 'x-amz-decoded-content-length' : 'content-length';
  const value = headers.get(name);
  if (value === undefined) {
    if (headers.has('transfer-encoding') || payload.kind === 'chunked') return undefined;
    throw new S3Error('MissingContentLength');
  }
  if (!/^\d{1,15}$/.test(value))
    throw new S3Error('InvalidArgument', { message: `${name} is not a length.` });
  return Number(value);
}

function withoutChecksums(headers: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...headers].filter(([name]) => !name.startsWith('x-amz-checksum-')));
}
