import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { z } from 'zod';
import {
  CHAIN_START,
  CHECKPOINT_TYPE,
  type ChainedEvent,
  type ChainHead,
  chainHash,
  eventLine,
} from '../core/security/audit-chain.ts';

/** What verifies checkpoints: one JWK, or a set of them as GET /v1/auth/audit/keys answers. */
const jwkSchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  kid: z.string(),
});
export const trustedKeysSchema = z.union([
  z.object({ keys: z.array(jwkSchema).min(1) }).transform(({ keys }) => keys),
  jwkSchema.transform((key) => [key]),
]);
export type TrustedKey = z.output<typeof jwkSchema>;

const text = z.string().nullable();
const sequenceSchema = z.int().positive();
const eventSchema = z.strictObject({
  sequence: sequenceSchema,
  id: z.int(),
  occurredAt: z.string(),
  actorKind: z.enum(['person', 'service', 'anonymous', 'system']),
  actorId: text,
  credentialId: text,
  action: z.string(),
  objectKind: text,
  objectId: text,
  workspaceId: text,
  result: z.enum(['success', 'denied', 'failure']),
  reason: text,
  address: text,
  requestId: text,
  details: z.custom<ChainedEvent['details']>((value) => typeof value === 'object' && value !== null),
});
const checkpointSchema = z.strictObject({
  type: z.literal('checkpoint'),
  sequence: sequenceSchema,
  hash: z.string(),
  createdAt: z.string(),
  signature: z.string(),
});
const lineSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('event'), hash: z.string(), event: eventSchema }),
  checkpointSchema,
  z.looseObject({ type: z.literal('key') }),
]);
const protectedSchema = z.object({
  alg: z.literal('EdDSA'),
  typ: z.literal(CHECKPOINT_TYPE),
  kid: z.string(),
});

/** The file is not what was written; `sequence` is the first place in the chain that cannot be believed. */
export class AuditFault extends Error {
  override name = 'AuditFault';
  readonly sequence: number;
  constructor(sequence: number, message: string) {
    super(`sequence ${sequence}: ${message}`);
    this.sequence = sequence;
  }
}

export interface VerifiedRange {
  /** 0: the file has no entry. */
  readonly first: number;
  readonly last: ChainHead;
  readonly checkpoints: number;
}

export interface VerifierOptions {
  readonly keys: readonly TrustedKey[];
  /** A checkpoint that was kept elsewhere: the file has to go through it. */
  readonly expectHead?: ChainHead | undefined;
}

/** Reads an export line by line, in constant memory. */
export function createAuditVerifier({ keys, expectHead }: VerifierOptions) {
  let head: ChainHead | undefined;
  let first = 0;
  let checkpoints = 0;
  let signedThrough = -1;
  let expectationMet = expectHead === undefined;

  function compareWithExpected(at: ChainHead): void {
    if (at.sequence !== expectHead?.sequence) return;
    if (at.hash !== expectHead.hash) throw new AuditFault(at.sequence, 'the chain has another hash here');
    expectationMet = true;
  }

  function takeEvent(line: string, hash: string, event: z.output<typeof eventSchema>): void {
    const previous = head ?? CHAIN_START;
    const wanted = previous.sequence + 1;
    if (event.sequence < wanted) throw new AuditFault(event.sequence, 'is here twice, or in the wrong order');
    if (event.sequence > wanted) throw new AuditFault(wanted, 'is missing');
    if (eventLine(event, hash) !== line) throw new AuditFault(wanted, 'is not written as it was hashed');
    if (chainHash(previous.hash, event) !== hash)
      throw new AuditFault(wanted, 'the hash does not fit the entry and what is before it');
    head = { sequence: wanted, hash };
    first ||= wanted;
    compareWithExpected(head);
  }

  function takeCheckpoint(checkpoint: z.output<typeof checkpointSchema>): void {
    const { sequence, hash } = checkpoint;
    verifySignature(checkpoint, keys);
    if (head !== undefined && sequence > head.sequence)
      throw new AuditFault(
        head.sequence + 1,
        `is missing; a checkpoint vouches for everything up to ${sequence}`,
      );
    if (head !== undefined && sequence < head.sequence)
      throw new AuditFault(sequence, 'a checkpoint is in the wrong place');
    if (head !== undefined && hash !== head.hash)
      throw new AuditFault(sequence, 'a checkpoint says that the chain had another hash here');
    head = { sequence, hash };
    signedThrough = sequence;
    checkpoints += 1;
    compareWithExpected(head);
  }

  return {
    /** @throws AuditFault */
    take(line: string): void {
      const place = (head?.sequence ?? 0) + 1;
      const parsed = lineSchema.safeParse(parseJson(line, place));
      if (!parsed.success) throw new AuditFault(place, 'the line is no entry, checkpoint or key');
      if (parsed.data.type === 'event') takeEvent(line, parsed.data.hash, parsed.data.event);
      else if (parsed.data.type === 'checkpoint') takeCheckpoint(parsed.data);
    },
    /** @throws AuditFault when what came last is not signed, or the expected head did not come. */
    end(): VerifiedRange {
      const last = head ?? CHAIN_START;
      if (!expectationMet)
        throw new AuditFault(
          last.sequence + 1,
          `is missing; ${expectHead?.sequence} was expected to be here`,
        );
      if (last.sequence > Math.max(signedThrough, expectHead?.sequence ?? 0))
        throw new AuditFault(
          Math.max(signedThrough, 0) + 1,
          'no checkpoint vouches for what is from here on',
        );
      return { first, last, checkpoints };
    },
  };
}

function verifySignature(
  { sequence, hash, createdAt, signature }: z.output<typeof checkpointSchema>,
  keys: readonly TrustedKey[],
): void {
  const [header = '', payload = '', signed = '', ...more] = signature.split('.');
  const parsed = protectedSchema.safeParse(parseJson(decode(header), sequence));
  const key = keys.find(({ kid }) => parsed.success && kid === parsed.data.kid);
  if (!parsed.success || more.length > 0)
    throw new AuditFault(sequence, 'the signature is not one of a checkpoint');
  if (key === undefined)
    throw new AuditFault(sequence, 'a checkpoint is signed with a key that is not trusted');
  const jwk: JsonWebKey = { kty: key.kty, crv: key.crv, x: key.x };
  const isGenuine = verify(
    null,
    Buffer.from(`${header}.${payload}`),
    createPublicKey({ key: jwk, format: 'jwk' }),
    Buffer.from(signed, 'base64url'),
  );
  if (!isGenuine) throw new AuditFault(sequence, 'the signature of a checkpoint is wrong');
  if (decode(payload) !== JSON.stringify({ sequence, hash, createdAt }))
    throw new AuditFault(sequence, 'a checkpoint is not what was signed');
}

const decode = (base64url: string): string => Buffer.from(base64url, 'base64url').toString('utf8');

function parseJson(line: string, place: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new AuditFault(place, 'the line is not JSON');
  }
}
