import { appendFileSync, createReadStream, existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const FILE_VARIABLE = 'ACS_PLANTED_SECRETS';
/** What no line may hold whoever wrote it. Tests use passwords of this form. */
const SECRETS: Readonly<Record<string, RegExp>> = {
  'a password': /pass [0-9a-f]{8}-[0-9a-f]{4}-/,
  'an e-mail address': /[\w.+-]+(?:@|%40)[\w-]+\.\w+/,
  'an access token': /eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/,
  'an API key': /\bacs_[\w-]{43}/,
  'the secret of a webhook': /whsec_/,
  'a signed URL': /X-Amz-Signature=[0-9a-f]{64}/,
};
const SHOWN_LINES = 5;

/** From now on `plant` in every process of this run writes there. */
export function plantInto(file: string): void {
  process.env[FILE_VARIABLE] = file;
}

/** These values must not be in any log, span or metric by the end of the run. */
export function plant(...values: readonly string[]): void {
  const file = process.env[FILE_VARIABLE];
  if (file === undefined) throw new Error('nobody looks for what is planted here');
  for (const value of values) appendFileSync(file, `${JSON.stringify(value)}\n`);
}

/** Goes through every log of a run. @throws Error that says in which lines which secret is */
export async function searchLogs(folder: string): Promise<void> {
  const planted = plantedIn(process.env[FILE_VARIABLE]);
  const found: string[] = [];
  for (const name of await readdir(folder)) {
    for await (const line of createInterface({ input: createReadStream(join(folder, name)) })) {
      const kind = secretIn(line, planted);
      if (kind !== undefined) found.push(`${name} holds ${kind}: ${line.slice(0, 2_000)}`);
    }
  }
  if (found.length > 0)
    throw new Error(
      `${found.length} lines of the logs hold secrets:\n${found.slice(0, SHOWN_LINES).join('\n')}`,
    );
}

function plantedIn(file: string | undefined): readonly string[] {
  if (file === undefined || !existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
    .filter((value) => typeof value === 'string');
}

/** Signed, in the form of a token, and meant to be seen: whoever keeps it can prove what the log held. */
const CHECKPOINT = '"message":"audit checkpoint"';

function secretIn(line: string, planted: readonly string[]): string | undefined {
  if (line.includes(CHECKPOINT)) return undefined;
  const [kind] = Object.entries(SECRETS).find(([, pattern]) => pattern.test(line)) ?? [];
  return kind ?? planted.find((value) => line.includes(value) || line.includes(encodeURIComponent(value)));
}
