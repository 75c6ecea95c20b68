import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { AuditFault, createAuditVerifier, trustedKeysSchema, type VerifiedRange } from './audit-file.ts';

// `npm run audit:verify -- FILE --key KEY_FILE [--expect-head SEQUENCE:HASH]`: is an export what was once written?

const USAGE = `usage: npm run audit:verify -- FILE --key KEY_FILE [--expect-head SEQUENCE:HASH]
  FILE           GET /v1/admin/audit/export?format=jsonl
  --key          GET /v1/auth/audit/keys, kept from a time when you trusted it; not the keys in the file
  --expect-head  the last checkpoint that you kept (the log of the auth module has them all): finds a missing end`;
const LINE_LENGTH = 1_000_000;

class UsageError extends Error {}

/** @throws AuditFault; UsageError */
async function verifyFile(args: string[]): Promise<VerifiedRange> {
  const { values, positionals } = parseArguments(args);
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0 || values.key === undefined) throw new UsageError(USAGE);
  const keys = trustedKeysSchema.safeParse(JSON.parse(await readFile(values.key, 'utf8')));
  if (!keys.success) throw new UsageError(`${values.key} holds no Ed25519 key as a JWK with its kid`);
  const verifier = createAuditVerifier({ keys: keys.data, expectHead: parseHead(values['expect-head']) });
  for await (const line of linesOf(file)) verifier.take(line);
  return verifier.end();
}

function parseArguments(args: string[]) {
  try {
    const options = { key: { type: 'string' }, 'expect-head': { type: 'string' } } as const;
    return parseArgs({ args, options, allowPositionals: true });
  } catch {
    throw new UsageError(USAGE);
  }
}

function parseHead(given: string | undefined) {
  if (given === undefined) return undefined;
  const [, sequence, hash] = /^(\d+):([0-9a-f]{64})$/.exec(given) ?? [];
  if (sequence === undefined || hash === undefined) throw new UsageError(USAGE);
  return { sequence: Number(sequence), hash };
}

/** Split at line feeds only: Node's own reader of lines also splits at characters that JSON allows inside of texts. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(file, 'utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > LINE_LENGTH)
      throw new UsageError('a line of the file is too long to be one of an export');
  }
  if (rest !== '') yield rest;
}

try {
  const { first, last, checkpoints } = await verifyFile(process.argv.slice(2));
  const range = first === 0 ? 'no entry' : `entries ${first} to ${last.sequence}`;
  console.log(`good: ${range}, ${checkpoints} checkpoints, ends in ${last.sequence}:${last.hash}`);
  if (first > 1)
    console.log(`Entries before ${first} are not in the file; a signed checkpoint says where it starts.`);
} catch (error) {
  const isBad = error instanceof AuditFault;
  const message = error instanceof Error ? error.message : String(error);
  console.error(isBad ? `BAD: ${message}` : message);
  process.exitCode = isBad ? 1 : 2;
}
