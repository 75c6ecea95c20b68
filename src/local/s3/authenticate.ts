import { S3Error } from './errors.ts';
import { deriveSigningKey, equalSignatures, requestSignature, type SigningContext } from './signature.ts';
import type { Target } from './target.ts';

/** The one key pair of this server. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
}

/** How the body is bound to the signature (the values of x-amz-content-sha256). */
export type Payload =
  | { kind: 'unsigned' }
  | { kind: 'hashed'; sha256: string }
  | { kind: 'chunked'; trailer: boolean; signed?: { context: SigningContext; seed: string } };

export interface IncomingCall {
  method: string;
  target: Target;
  /** Lower-case names; repeated headers joined with a comma. */
  headers: ReadonlyMap<string, string>;
  now: Date;
}

interface Claim {
  accessKeyId: string;
  scope: [day: string, region: string, service: string, terminator: string];
  signedHeaders: string[];
  signature: string;
  timestamp: string;
  payloadHash: string;
  parameters: Target['parameters'];
}

const SKEW_MS = 15 * 60_000;
const MAX_EXPIRES_S = 7 * 24 * 3600;
const ALGORITHM = 'AWS4-HMAC-SHA256';

/**
 * Verifies AWS Signature Version 4, in the Authorization header or in the query of a presigned URL, and says how the
 * body must be read. Everything the signature covers is covered here; the body is checked while it streams.
 */
export function authenticate(call: IncomingCall, credentials: Credentials): Payload {
  const query = new Map(call.target.parameters);
  const claim = query.has('X-Amz-Algorithm') ? presignedClaim(call, query) : headerClaim(call);
  const [day, region, service, terminator] = claim.scope;
  if (claim.accessKeyId !== credentials.accessKeyId) throw new S3Error('InvalidAccessKeyId');
  // Clients that do not know the region yet ask for it with us-east-1.
  const regionAccepted = region === credentials.region || (region === 'us-east-1' && query.has('location'));
  if (
    !regionAccepted ||
    service !== 's3' ||
    terminator !== 'aws4_request' ||
    claim.timestamp.slice(0, 8) !== day
  ) {
    throw new S3Error('AuthorizationHeaderMalformed', {
      message: `The credential scope is wrong; expecting '${credentials.region}'.`,
      details: { Region: credentials.region },
    });
  }
  const context: SigningContext = {
    key: deriveSigningKey(credentials.secretAccessKey, day, region),
    scope: claim.scope.join('/'),
    timestamp: claim.timestamp,
  };
  const expected = requestSignature(context, {
    method: call.method,
    path: call.target.canonicalPath,
    parameters: claim.parameters,
    headers: call.headers,
    signedHeaders: claim.signedHeaders,
    payloadHash: claim.payloadHash,
  });
  if (!equalSignatures(expected, claim.signature)) throw new S3Error('SignatureDoesNotMatch');
  assertHeadersSigned(call.headers, claim.signedHeaders);
  return payloadOf(claim.payloadHash, context, claim.signature);
}

function headerClaim(call: IncomingCall): Claim {
  const authorization = call.headers.get('authorization');
  if (authorization === undefined) throw new S3Error('AccessDenied');
  if (!authorization.startsWith(`${ALGORITHM} `)) {
    throw new S3Error('InvalidRequest', { message: `The authorization mechanism must be ${ALGORITHM}.` });
  }
  const fields = new Map<string, string>();
  for (const field of authorization.slice(ALGORITHM.length + 1).split(',')) {
    const equals = field.indexOf('=');
    fields.set(field.slice(0, equals).trim(), field.slice(equals + 1).trim());
  }
  const payloadHash = call.headers.get('x-amz-content-sha256');
  if (payloadHash === undefined) {
    throw new S3Error('InvalidRequest', { message: 'Missing required header: x-amz-content-sha256' });
  }
  const { time, timestamp } = requestTime(call.headers.get('x-amz-date') ?? call.headers.get('date'));
  if (Math.abs(call.now.getTime() - time) > SKEW_MS) {
    throw new S3Error('RequestTimeTooSkewed', {
      details: {
        RequestTime: timestamp,
        ServerTime: call.now.toISOString(),
        MaxAllowedSkewMilliseconds: `${SKEW_MS}`,
      },
    });
  }
  return {
    ...credentialOf(fields.get('Credential'), 'AuthorizationHeaderMalformed'),
    signedHeaders: signedHeadersOf(fields.get('SignedHeaders'), 'AuthorizationHeaderMalformed'),
    signature: fields.get('Signature') ?? '',
    timestamp,
    payloadHash,
    parameters: call.target.parameters,
  };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html */
function presignedClaim(call: IncomingCall, query: ReadonlyMap<string, string>): Claim {
  const refuse = (message: string): S3Error => new S3Error('AuthorizationQueryParametersError', { message });
  if (query.get('X-Amz-Algorithm') !== ALGORITHM) throw refuse(`X-Amz-Algorithm only supports ${ALGORITHM}`);
  const expires = query.get('X-Amz-Expires') ?? '';
  if (!/^\d{1,9}$/.test(expires)) throw refuse('X-Amz-Expires should be a number');
  if (Number(expires) < 1 || Number(expires) > MAX_EXPIRES_S) {
    throw refuse('X-Amz-Expires must be between 1 second and a week (604800 seconds)');
  }
  const { time, timestamp } = requestTime(query.get('X-Amz-Date'));
  const now = call.now.getTime();
  if (time - now > SKEW_MS) throw new S3Error('AccessDenied', { message: 'Request is not yet valid' });
  const expiry = time + Number(expires) * 1000;
  if (now > expiry) {
    throw new S3Error('AccessDenied', {
      message: 'Request has expired',
      details: {
        'X-Amz-Expires': expires,
        Expires: new Date(expiry).toISOString(),
        ServerTime: call.now.toISOString(),
      },
    });
  }
  return {
    ...credentialOf(query.get('X-Amz-Credential'), 'AuthorizationQueryParametersError'),
    signedHeaders: signedHeadersOf(query.get('X-Amz-SignedHeaders'), 'AuthorizationQueryParametersError'),
    signature: query.get('X-Amz-Signature') ?? '',
    timestamp,
    payloadHash:
      query.get('X-Amz-Content-Sha256') ?? call.headers.get('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD',
    parameters: call.target.parameters.filter(([name]) => name !== 'X-Amz-Signature'),
  };
}

type MalformedCode = 'AuthorizationHeaderMalformed' | 'AuthorizationQueryParametersError';

function credentialOf(value: string | undefined, code: MalformedCode): Pick<Claim, 'accessKeyId' | 'scope'> {
  // An access key may itself contain a slash: the scope is the last four parts.
  const parts = (value ?? '').split('/');
  const [day, region, service, terminator] = parts.slice(-4);
  if (parts.length < 5 || !day || !region || !service || !terminator) {
    throw new S3Error(code, { message: 'The credential is malformed.' });
  }
  return { accessKeyId: parts.slice(0, -4).join('/'), scope: [day, region, service, terminator] };
}

function signedHeadersOf(value: string | undefined, code: MalformedCode): string[] {
  const names = (value ?? '').split(';');
  if (!names.includes('host')) throw new S3Error(code, { message: 'The host header must be signed.' });
  return names;
}

/** Extra x-amz- headers would change what the signer allowed; S3 refuses them in both forms of authentication. */
function assertHeadersSigned(headers: ReadonlyMap<string, string>, signedHeaders: readonly string[]): void {
  const unsigned = [...headers.keys()].filter(
    // The payload hash is a line of the canonical request itself, so it is covered without being listed.
    (name) => name.startsWith('x-amz-') && name !== 'x-amz-content-sha256' && !signedHeaders.includes(name),
  );
  if (unsigned.length > 0) {
    throw new S3Error('AccessDenied', {
      message: 'There were headers present in the request which were not signed',
      details: { HeadersNotSigned: unsigned.join(', ') },
    });
  }
}

function requestTime(value: string | undefined): { time: number; timestamp: string } {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(value ?? '');
  const time = match
    ? Date.parse(`${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}Z`)
    : Date.parse(value ?? '');
  if (Number.isNaN(time))
    throw new S3Error('AccessDenied', { message: 'A valid Date or x-amz-date is required' });
  return { time, timestamp: new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, '') };
}

function payloadOf(value: string, context: SigningContext, seed: string): Payload {
  switch (value) {
    case 'UNSIGNED-PAYLOAD':
      return { kind: 'unsigned' };
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'chunked', trailer: true };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
      return { kind: 'chunked', trailer: false, signed: { context, seed } };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return { kind: 'chunked', trailer: true, signed: { context, seed } };
    default:
      if (/^[0-9a-f]{64}$/.test(value)) return { kind: 'hashed', sha256: value };
      throw new S3Error('InvalidArgument', { message: 'x-amz-content-sha256 is not a known value.' });
  }
}
