import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { toEml } from './eml.ts';
import { type mailSchema, type StoredMail, storedMailSchema } from './mail.ts';

export interface Outbox {
  /** Keeps a mail, and gives its id. The same key again is the same mail: the first one's id, nothing more kept. */
  add(mail: z.output<typeof mailSchema>, idempotencyKey: string | undefined): Promise<string>;
  /** Newest first. */
  list(to?: string): readonly StoredMail[];
}

/** Older ones stay as files. */
const LISTED = 1_000;

/** Mails as files `<time>-<id>.json` and `.eml`, which only their owner can read: links in them open accounts. */
export async function openOutbox(dir: string, now: () => Date): Promise<Outbox> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const mails = await load(dir);
  const ids = new Map(
    mails.flatMap(({ idempotencyKey, id }) => (idempotencyKey ? [[idempotencyKey, id]] : [])),
  );

  return {
    async add(mail, idempotencyKey) {
      const known = idempotencyKey === undefined ? undefined : ids.get(idempotencyKey);
      if (known !== undefined) return known;
      const stored: StoredMail = {
        ...mail,
        id: randomUUID(),
        receivedAt: now().toISOString(),
        idempotencyKey: idempotencyKey ?? null,
      };
      if (idempotencyKey !== undefined) ids.set(idempotencyKey, stored.id);
      mails.unshift(stored);
      mails.splice(LISTED);
      await save(dir, stored);
      return stored.id;
    },
    list: (to) => mails.filter((mail) => to === undefined || mail.to.some((one) => sameAddress(one, to))),
  };
}

async function save(dir: string, mail: StoredMail): Promise<void> {
  const path = join(dir, `${mail.receivedAt.replaceAll(':', '-')}-${mail.id}`);
  await writeFile(`${path}.eml`, toEml(mail), { mode: 0o600 });
  await writeFile(`${path}.new`, JSON.stringify(mail, null, 2), { mode: 0o600 });
  await rename(`${path}.new`, `${path}.json`);
}

async function load(dir: string): Promise<StoredMail[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.json'));
  const newest = names.toSorted().reverse().slice(0, LISTED);
  return Promise.all(
    newest.map(async (name) => storedMailSchema.parse(JSON.parse(await readFile(join(dir, name), 'utf8')))),
  );
}

const sameAddress = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
