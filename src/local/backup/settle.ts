import type { JournalState } from '../../modules/storage/ports/journal.ts';
import type { Manifest } from './manifest.ts';
import type { Statement } from './sql.ts';

/** Tables whose rows somebody may be at work on. */
const LEASED = [
  'ai.analyses',
  'storage.uploads',
  'storage.cursors',
  'storage.webhook_deliveries',
  'storage.idempotency_keys',
];
const THIS_TRANSACTION = 'pg_current_xact_id()';

/** Where a reader of the outbox is: behind all that it has read, and before all that it has not. */
const advanced = (table: string): Statement => ({
  text: `update ${table} c set transaction_id = ${THIS_TRANSACTION}, event_id = coalesce(
    (select min(o.id) - 1 from storage.outbox o
      where (o.transaction_id, o.id) > (c.transaction_id, c.event_id)),
    (select max(o.id) from storage.outbox o), 0)`,
});

/**
 * What cannot be as it was, for the life of the database begins anew: in the last transaction of a restore, while no
 * trigger runs.
 */
export function settleStatements(
  { id, sequences }: Manifest,
  journal: JournalState,
  at: Date,
): readonly Statement[] {
  const used = Object.entries(sequences).flatMap(([name, last]) => (last === null ? [] : [[name, last]]));
  return [
    {
      text: `select setval(s.name::regclass, s.last::bigint)::text
        from json_to_recordset($1::json) s (name text, last text)`,
      params: [JSON.stringify(used.map(([name, last]) => ({ name, last })))],
    },
    // Transaction ids of the old cluster say nothing here, and may lie in the future: all events become this
    // transaction's. A reader may read an event again, which changes nothing; it never misses one.
    { text: `delete from storage.cursors where name = 'trimmed'` },
    advanced('storage.cursors'),
    advanced('ai.cursors'),
    { text: `update storage.outbox set transaction_id = ${THIS_TRANSACTION}` },
    { text: `update storage.changes set transaction_id = ${THIS_TRANSACTION}` },
    ...newLifeStatements(journal, at, id),
    // Each vector space has an index of its own.
    { text: `select ai.add_embedding_model(m.model, m.dimensions)::text from ai.embedding_models m` },
  ];
}

/**
 * What others remember of another life of this database: caches, the store, the bucket, clients of the feed.
 * @param from  the id of a backup, or what else it came from
 */
export function newLifeStatements(journal: JournalState, at: Date, from: string): readonly Statement[] {
  return [
    // A remembered answer of a generation that comes again would be shown as the present (docs/decisions/0021).
    {
      text: `update storage.drives set generation = greatest(generation, $1::bigint)`,
      params: [String(at.getTime())],
    },
    // Whoever held them is in the other life; nobody has to wait for their end.
    ...LEASED.map((table) => ({
      text: `update ${table} set lease_until = null where lease_until is not null`,
    })),
    // Their parts are in another bucket, or have gone on meanwhile: they end, and what they hold is given back.
    { text: `update storage.uploads set expires_at = now() where state = 'active'` },
    { text: `delete from storage.upkeep where name in ('journal', 'sweep', 'restored')` },
    {
      text: `insert into storage.upkeep (name, state) values ('journal', $1::jsonb), ('restored', $2::jsonb)`,
      params: [JSON.stringify(journal), JSON.stringify({ from, at: at.toISOString() })],
    },
  ];
}
