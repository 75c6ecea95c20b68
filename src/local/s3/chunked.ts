import { createHash } from 'node:crypto';
import { S3Error } from './errors.ts';
import { chunkSignature, equalSignatures, type SigningContext, trailerSignature } from './signature.ts';

export interface ChunkedFormat {
  trailer: boolean;
  /** Present when each chunk carries a signature, chained from the request's own. */
  signed?: { context: SigningContext; seed: string };
}

const MAX_LINE_BYTES = 4096;
const MAX_TRAILERS = 16;

/**
 * Decodes the aws-chunked content encoding; data is passed on as it arrives, so a wrong chunk signature shows as an
 * error after that chunk's bytes. Trailing headers are put into `trailers` before the last value.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
 */
export async function* decodeChunked(
  source: AsyncIterable<Buffer>,
  format: ChunkedFormat,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  const reader = createByteReader(source);
  try {
    const previous = yield* decodeData(reader, format.signed);
    await readTrailers(reader, format, previous, trailers);
    if (await reader.hasMore())
      throw new S3Error('IncompleteBody', { message: 'Data follows the last chunk.' });
  } finally {
    await reader.close();
  }
}

/** All chunks up to the empty one; returns the last signature of the chain. */
async function* decodeData(
  reader: ByteReader,
  signed: ChunkedFormat['signed'],
): AsyncGenerator<Buffer, string> {
  let previous = signed?.seed ?? '';
  for (;;) {
    const { size, signature } = parseChunkHeader(await reader.line());
    const hash = signed && createHash('sha256');
    for (let left = size; left > 0; ) {
      const piece = await reader.atMost(left);
      left -= piece.length;
      hash?.update(piece);
      yield piece;
    }
    if (signed && hash) {
      const expected = chunkSignature(signed.context, previous, hash.digest('hex'));
      if (!equalSignatures(expected, signature)) throw new S3Error('SignatureDoesNotMatch');
      previous = expected;
    }
    if (size === 0) return previous;
    if ((await reader.line()) !== '') throw new S3Error('IncompleteBody');
  }
}

function parseChunkHeader(line: string): { size: number; signature: string } {
  const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
  if (!match) throw new S3Error('IncompleteBody', { message: 'The chunked encoding is malformed.' });
  return { size: Number.parseInt(match[1] ?? '', 16), signature: match[2] ?? '' };
}

async function readTrailers(
  reader: ByteReader,
  format: ChunkedFormat,
  previous: string,
  trailers: Map<string, string>,
): Promise<void> {
  let canonical = '';
  for (;;) {
    // The blank line that ends the body is left out by some clients after a body without trailers.
    const line = (await reader.hasMore()) ? await reader.line() : '';
    if (line === '') break;
    const colon = line.indexOf(':');
    if (colon < 1 || trailers.size >= MAX_TRAILERS) throw new S3Error('MalformedTrailerError');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    trailers.set(name, value);
    if (name !== 'x-amz-trailer-signature') canonical += `${name}:${value}\n`;
  }
  if (!format.trailer && trailers.size > 0) throw new S3Error('MalformedTrailerError');
  if (!format.trailer || !format.signed) return;
  const hash = createHash('sha256').update(canonical, 'latin1').digest('hex');
  const expected = trailerSignature(format.signed.context, previous, hash);
  if (!equalSignatures(expected, trailers.get('x-amz-trailer-signature') ?? '')) {
    throw new S3Error('SignatureDoesNotMatch');
  }
}

interface ByteReader {
  /** The next line without its CRLF (a bare LF ends one too). */
  line(): Promise<string>;
  /** Between 1 and `limit` bytes. */
  atMost(limit: number): Promise<Buffer>;
  hasMore(): Promise<boolean>;
  /** Lets go of the source, which may not have been read to its end. */
  close(): Promise<void>;
}

function createByteReader(source: AsyncIterable<Buffer>): ByteReader {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);

  const hasMore = async (): Promise<boolean> => {
    while (rest.length === 0) {
      const next = await iterator.next();
      if (next.done) return false;
      rest = next.value;
    }
    return true;
  };
  const take = (count: number): Buffer => {
    const taken = rest.subarray(0, count);
    rest = rest.subarray(count);
    return taken;
  };
  const line = async (): Promise<string> => {
    let text = '';
    for (;;) {
      if (!(await hasMore())) throw new S3Error('IncompleteBody');
      const end = rest.indexOf(0x0a);
      text += take(end < 0 ? rest.length : end + 1).toString('latin1');
      if (text.length > MAX_LINE_BYTES)
        throw new S3Error('IncompleteBody', { message: 'A chunk header is too long.' });
      if (end >= 0) return text.replace(/\r?\n$/, '');
    }
  };
  const atMost = async (limit: number): Promise<Buffer> => {
    if (!(await hasMore())) throw new S3Error('IncompleteBody');
    return take(limit);
  };
  const close = async (): Promise<void> => {
    await iterator.return?.();
  };
  return { line, atMost, hasMore, close };
}
