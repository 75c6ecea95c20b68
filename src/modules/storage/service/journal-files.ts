import type { ObjectEncryption } from '../../../core/objects/encryption.ts';
import type { Vault } from '../../../core/objects/vault.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import type { JournalStore, Position } from '../ports/journal.ts';

export const JOURNAL_PREFIX = 'journal/';
const PAGE = 1_000;
const NAME =
  /^journal\/(\d{13})-(\d{20})-(\d{19})(?:\.(?<run>\d{13})\.(?:(?<part>[0-9a-f-]{36})\.part|(?<snapshot>snapshot)))?\.jsonl?$/;

/** What a key of the journal says (docs/object-keys.md). */
export interface JournalName {
  readonly key: string;
  readonly kind: 'segment' | 'part' | 'snapshot';
  /** Epoch and position: names with a greater one came later. */
  readonly place: string;
  readonly epoch: string;
}

export const segmentKey = (epoch: string, position: Position): string => `${placeOf(epoch, position)}.jsonl`;
/** @param token a UUID: a part that was written twice is two files, of which the snapshot names one */
export const partKey = (epoch: string, position: Position, run: string, token: string): string =>
  `${placeOf(epoch, position)}.${run}.${token}.part.jsonl`;
export const snapshotKey = (epoch: string, position: Position, run: string): string =>
  `${placeOf(epoch, position)}.${run}.snapshot.json`;

export function placeOf(epoch: string, { transactionId, eventId }: Position): string {
  return `${JOURNAL_PREFIX}${epoch}-${transactionId.padStart(20, '0')}-${eventId.padStart(19, '0')}`;
}

/** Undefined for what is no file of the journal. */
export function journalName(key: string): JournalName | undefined {
  const match = NAME.exec(key);
  if (match === null) return undefined;
  const [, epoch = '', transactionId = '', eventId = ''] = match;
  const kind = match.groups?.part ? 'part' : match.groups?.snapshot ? 'snapshot' : 'segment';
  return { key, kind, epoch, place: placeOf(epoch, { transactionId, eventId }) };
}

export interface JournalFilesDependencies {
  readonly store: JournalStore;
  readonly vault: Vault;
  readonly keyring: Keyring;
}

/** Files of the journal: written once, sealed under the keyring wherever objects are encrypted, for they hold names. */
export function createJournalFiles({ store, vault, keyring }: JournalFilesDependencies) {
  const isSealed = vault.encryption !== 'none';
  const encryption: ObjectEncryption = vault.encryption === 'envelope' ? 'none' : vault.encryption;
  const objectOf = (key: string) => ({ id: key, key, encryption, wrappedKey: null });
  const contextOf = (key: string) => `storage ${key}`;

  return {
    /** What files are sealed with now; empty when they are not. */
    sealedWith: isSealed ? keyring.currentPrefix : '',

    /** What is there already stays, and counts as written. */
    async write(key: string, text: string): Promise<void> {
      const content = isSealed ? await keyring.seal(contextOf(key), text) : text;
      const body = new TextEncoder().encode(content);
      const contentType = isSealed ? 'text/plain' : 'application/x-ndjson';
      const settings = { size: body.byteLength, contentType, metadata: {} };
      await vault.put(objectOf(key), body, settings).catch(async (error: unknown) => {
        if ((await store.head(key)) === undefined) throw error;
      });
    },

    /** @throws when it is not there, or its key is not in the keyring */
    async read(key: string): Promise<string> {
      const answer = await vault.get({ ...objectOf(key), size: 0 });
      if (answer?.status !== 200) throw new Error(`${key} is not in the bucket`);
      const text = await answer.text();
      return text.startsWith('v1.') ? keyring.open(contextOf(key), text) : text;
    },

    /** All of them, in order. */
    async list(): Promise<JournalName[]> {
      const names: JournalName[] = [];
      for (let after: string | null | undefined; after !== null; ) {
        const page = await store.list({ prefix: JOURNAL_PREFIX, limit: PAGE, ...(after ? { after } : {}) });
        names.push(...page.objects.flatMap(({ key }) => journalName(key) ?? []));
        after = page.next;
      }
      return names;
    },

    delete: (keys: readonly string[]) => store.deleteMany(keys),
  };
}
export type JournalFiles = ReturnType<typeof createJournalFiles>;
