import { expect, test } from 'vitest';
import { readMigrations } from '../../src/local/migrations.ts';
import { checkMigrations } from './migration-rules.ts';
import { readStatements } from './sql-statements.ts';

/** 0000 to 0008 were written before anything was deployed, and are not held to the rules. */
const BASELINE = 9;

/** What is there when a planted migration comes. */
const BEFORE = {
  tag: '0000_before',
  sql: `create table t (id uuid primary key, a text);
    create function f(x uuid) returns uuid language sql stable as $$ select x; $$;`,
};
const check = (sql: string) => checkMigrations([BEFORE, { tag: '0001_planted', sql }], 1);

test('old code survives every migration after the baseline', async () => {
  const migrations = await readMigrations();
  expect(migrations[BASELINE - 1]?.tag).toBe('0008_ai-functions');
  expect(checkMigrations(migrations, BASELINE)).toEqual([]);
});

test('the baseline is none because it would pass anyway', async () => {
  expect(checkMigrations(await readMigrations(), 1).length).toBeGreaterThan(0);
});

const REFUSED: readonly [sql: string, why: string][] = [
  ['DROP TABLE t', 'drops what old code uses'],
  ['DROP FUNCTION f(uuid)', 'drops what old code uses'],
  ['DROP INDEX CONCURRENTLY IF EXISTS t_a', 'drops what old code uses'],
  ['TRUNCATE t', 'drops what old code uses'],
  ['ALTER TABLE "t" DROP COLUMN "a"', 'drops a column'],
  ['ALTER TABLE t ADD COLUMN b text, DROP a', 'drops a column'],
  ['ALTER TABLE t DROP CONSTRAINT c', 'drops a constraint'],
  ['ALTER TABLE t RENAME TO u', 'renames'],
  ['ALTER TABLE t RENAME COLUMN a TO b', 'renames'],
  ['ALTER FUNCTION f(uuid) RENAME TO g', 'renames'],
  ['ALTER TABLE t SET SCHEMA s', 'renames'],
  ['ALTER TABLE t ALTER COLUMN a TYPE integer USING a::integer', 'changes the type'],
  ['ALTER TABLE t ALTER a SET DATA TYPE integer', 'changes the type'],
  ['ALTER TABLE t ALTER COLUMN a SET NOT NULL', 'refuses the nulls'],
  ['ALTER TABLE t ALTER COLUMN a DROP DEFAULT', 'takes a default away'],
  ['ALTER TABLE t ENABLE ROW LEVEL SECURITY', 'hides rows'],
  ['ALTER TABLE t ADD COLUMN b text NOT NULL', 'leave out'],
  ['ALTER TABLE t ADD b text NOT NULL', 'leave out'],
  ['ALTER TABLE t ADD COLUMN b text UNIQUE', 'a constraint of its own'],
  ['ALTER TABLE t ADD COLUMN b uuid REFERENCES t (id)', 'a constraint of its own'],
  ['ALTER TABLE t ADD COLUMN b uuid DEFAULT gen_random_uuid() NOT NULL', 'rewrites the table'],
  ['ALTER TABLE t ADD COLUMN b text GENERATED ALWAYS AS (a) STORED', 'rewrites the table'],
  ["ALTER TABLE t ADD CONSTRAINT c CHECK (a <> '; not valid')", 'add it NOT VALID'],
  ['ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES t (id)', 'add it NOT VALID'],
  ['ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)', 'makes something unique'],
  ['ALTER TABLE t ADD UNIQUE (a)', 'makes something unique'],
  ['CREATE UNIQUE INDEX t_a ON t (a)', 'makes something unique'],
  ['CREATE INDEX t_a ON t (a)', 'build it CONCURRENTLY'],
  ['CREATE INDEX CONCURRENTLY t_a ON t (a)', 'cannot run in a transaction'],
  ['-- outside a transaction\nALTER TABLE t ADD COLUMN b text', 'does not belong outside'],
  ['CREATE FUNCTION f(x uuid, y text) RETURNS uuid LANGUAGE sql AS $$ select x $$', 'takes or returns'],
  ['CREATE OR REPLACE FUNCTION f(x uuid) RETURNS text LANGUAGE sql AS $$ select 1 $$', 'takes or returns'],
  ['REVOKE SELECT ON t FROM app', 'takes a right away'],
  ['UPDATE t SET a = 1', 'writes every row'],
  ['DELETE FROM t', 'writes every row'],
  ['DO $$ begin drop table t; end $$', 'is a program'],
  [
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a <> '') NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c",
    'in a later migration',
  ],
];

test.each(REFUSED)('refuses %s', (sql, why) => {
  const faults = check(`${sql};`);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatch(/^0001_planted: /);
  expect(faults[0]).toContain(why);
});

test.each(REFUSED)('takes with a reason: %s', (sql) => {
  const [first = '', ...rest] = sql.split(/(?<=transaction\n)|(?<=NOT VALID; )/);
  const statements = rest.length > 0 ? [first, ...rest] : ['', first];
  expect(check(statements.join('-- contract: version 12 of storage was the last to use it\n'))).toEqual([]);
});

test('a reason counts for its own statement only, and has to be one', () => {
  expect(check('-- contract: nobody reads it any more\nDROP TABLE t;\nDROP TABLE u;')).toHaveLength(1);
  expect(check('-- contract: ok\nDROP TABLE t;')).toHaveLength(1);
  expect(check('-- contract:\nDROP TABLE t;')).toHaveLength(1);
});

test.each([
  'CREATE TABLE n (id uuid PRIMARY KEY); ALTER TABLE n ADD CONSTRAINT c UNIQUE (id); CREATE INDEX n_id ON n (id);',
  'ALTER TABLE t ADD COLUMN b text',
  "ALTER TABLE t ADD COLUMN b text DEFAULT 'x' NOT NULL",
  'ALTER TABLE t ADD COLUMN b timestamp (3) with time zone DEFAULT now() NOT NULL',
  'ALTER TABLE t ALTER COLUMN a DROP NOT NULL',
  'ALTER TABLE t ALTER COLUMN a SET DEFAULT 1',
  'ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES t (id) NOT VALID',
  'ALTER TABLE t VALIDATE CONSTRAINT c',
  '-- outside a transaction\nDROP INDEX CONCURRENTLY IF EXISTS t_a; CREATE INDEX CONCURRENTLY t_a ON t (a);',
  'CREATE OR REPLACE FUNCTION f(x uuid) RETURNS uuid LANGUAGE sql STABLE AS $$ select x -- DROP TABLE t;\n $$',
  'CREATE FUNCTION g(x text) RETURNS text LANGUAGE sql AS $$ select x $$',
  "INSERT INTO t (a) VALUES ('DROP TABLE t; it''s only text')",
  "UPDATE t SET a = 'b' WHERE a IS NULL",
  '-- DROP TABLE t;\nCREATE VIEW v AS SELECT a FROM t',
])('takes %s', (sql) => {
  expect(check(sql)).toEqual([]);
});

test('reads every statement of the generated migrations', async () => {
  for (const { sql } of await readMigrations()) {
    const unknown = readStatements(sql)
      .map(({ text }) => text.split(' ')[0])
      .filter(
        (word) =>
          !/^(create|alter|drop|insert|update|delete|comment|grant|with|revoke|truncate|do|select)$/.test(
            word ?? '',
          ),
      );
    expect(unknown).toEqual([]);
  }
});
