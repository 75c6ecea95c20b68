import { type Migration, OUTSIDE_A_TRANSACTION } from '../../src/core/database/migrate.ts';
import { readStatements, type Statement, splitList } from './sql-statements.ts';

/** What a statement may know of the migrations before it, and of its own. */
interface Context {
  readonly isInTransaction: boolean;
  /** Tables that this migration makes: no old code writes to them yet, and they are empty. */
  readonly made: ReadonlySet<string>;
  readonly statements: readonly Statement[];
  /** Functions that earlier migrations left: what they take and return. */
  readonly functions: ReadonlyMap<string, string>;
}

/** Why the old code, which runs on while a migration is applied, would not survive it. */
type Rule = (statement: string, context: Context) => string | undefined;

const CONTRACT = /^contract: \S.{9,}/;
const ADD_COLUMN =
  /^add (?:column )?(?:if not exists )?(?!constraint|primary|unique|foreign|check|exclude)\S+ /;
const VOLATILE = /default .*(?:random|clock_timestamp|nextval|uuidv)/;
const FUNCTION =
  /^create (?:or replace )?(?:function|procedure) ([\w.]+)\((.*?)\)(?: returns (.+?))?(?= language| as | stable| immutable| volatile| parallel| security| set |$)/;

/** Of ALTER TABLE, action by action. */
const ACTIONS: readonly [RegExp, string][] = [
  [/^drop (?:column )?(?!constraint|not null)/, 'drops a column that old code reads'],
  [/^drop constraint/, 'drops a constraint that old code relies on'],
  [/^rename/, 'renames what old code knows by its name'],
  [/^set schema/, 'renames what old code knows by its name'],
  [
    /^alter (?:column )?\S+ (?:set data )?type/,
    'changes the type of a column, and rewrites the table under a lock',
  ],
  [/^alter (?:column )?\S+ set not null/, 'refuses the nulls that old code writes'],
  [/^alter (?:column )?\S+ drop default/, 'takes a default away from the inserts of old code'],
  [/^(?:enable|force) row level security/, 'hides rows from old code'],
];

const CONSTRAINT = /^add (?:constraint \S+ )?(foreign key|check|unique|primary key|exclude)/;

function addedConstraint(action: string): string | undefined {
  const kind = CONSTRAINT.exec(action)?.[1];
  if (kind === undefined) return undefined;
  if (kind === 'foreign key' || kind === 'check')
    return action.endsWith('not valid')
      ? undefined
      : 'adds a constraint that checks every row under a lock: add it NOT VALID, validate it in a later migration';
  return 'makes something unique that old code may write twice';
}

function addedColumn(action: string): string | undefined {
  if (!ADD_COLUMN.test(action)) return undefined;
  if (/ (?:unique|primary key|references|check)\b/.test(action))
    return 'adds a column with a constraint of its own: add the constraint apart';
  if (/ generated /.test(action) || VOLATILE.test(action))
    return 'adds a column that rewrites the table under a lock';
  return / not null/.test(action) && !/ default /.test(action)
    ? 'adds a column that the inserts of old code leave out: give it a default, or let it be null'
    : undefined;
}

function alterTable(text: string, { made, statements }: Context): string | undefined {
  const [, table = '', list = ''] = /^alter table (?:if exists )?(?:only )?(\S+) (.*)$/.exec(text) ?? [];
  if (table === '' || made.has(table)) return undefined;
  for (const action of splitList(list)) {
    const why =
      ACTIONS.find(([pattern]) => pattern.test(action))?.[1] ??
      addedConstraint(action) ??
      addedColumn(action);
    if (why !== undefined) return why;
    const validated = /^validate constraint (\S+)/.exec(action)?.[1];
    if (validated && statements.some((other) => other.text.includes(`add constraint ${validated} `)))
      return 'validates a constraint under the lock of adding it: validate it in a later migration';
  }
  return undefined;
}

function createIndex(text: string, { made, isInTransaction }: Context): string | undefined {
  const match = /^create (unique )?index (concurrently )?.*? on (?:only )?([\w.]+)/.exec(text);
  if (match === null || made.has(match[3] ?? '')) return undefined;
  if (match[1]) return 'makes something unique that old code may write twice';
  if (!match[2]) return 'stops the writers of a table until its index is built: build it CONCURRENTLY';
  return isInTransaction
    ? `cannot run in a transaction: begin the file with "${OUTSIDE_A_TRANSACTION}"`
    : undefined;
}

function drop(text: string, { statements }: Context): string | undefined {
  // What makes building an index repeatable: what is left of an attempt that failed goes first.
  const index = /^drop index concurrently if exists (\S+)$/.exec(text)?.[1]?.split('.').at(-1);
  const isRebuilt =
    index !== undefined &&
    statements.some((other) => new RegExp(`^create .*index concurrently ${index} `).test(other.text));
  return /^(?:drop|truncate) /.test(text) && !isRebuilt ? 'drops what old code uses' : undefined;
}

function replaceFunction(text: string, { functions }: Context): string | undefined {
  const { name, shape } = functionOf(text) ?? { name: '', shape: '' };
  const former = functions.get(name);
  return former === undefined || former === shape
    ? undefined
    : 'changes what a function takes or returns: give the new one a name of its own';
}

function outside(text: string, { isInTransaction }: Context): string | undefined {
  if (isInTransaction || / concurrently /.test(text)) return undefined;
  return 'does not belong outside of a transaction: only what is built or dropped CONCURRENTLY does';
}

const RULES: readonly Rule[] = [
  outside,
  drop,
  alterTable,
  createIndex,
  replaceFunction,
  (text) =>
    /^alter (?!table).* (?:rename|set schema) /.test(text)
      ? 'renames what old code knows by its name'
      : undefined,
  (text) => (/^revoke /.test(text) ? 'takes a right away from old code' : undefined),
  (text) =>
    /^(?:update|delete from) (?!.* where )/.test(text)
      ? 'writes every row of a table in one transaction'
      : undefined,
  (text) => (/^do /.test(text) ? 'is a program, which nobody checks' : undefined),
];

function functionOf(text: string): { name: string; shape: string } | undefined {
  const [, name, takes = '', returns = ''] = FUNCTION.exec(text) ?? [];
  return name === undefined ? undefined : { name, shape: `(${takes}) ${returns}` };
}

/**
 * What the rules of docs/deployment.md have against migrations after the baseline, one sentence each.
 * @param baseline how many of the migrations are older than the rules
 */
export function checkMigrations(migrations: readonly Migration[], baseline: number): string[] {
  const functions = new Map<string, string>();
  return migrations.flatMap(({ tag, sql }, position) => {
    const statements = readStatements(sql);
    const made = new Set(
      statements.flatMap(({ text }) => /^create table (?:if not exists )?([\w.]+)/.exec(text)?.[1] ?? []),
    );
    const context: Context = {
      isInTransaction: !sql.startsWith(OUTSIDE_A_TRANSACTION),
      made,
      statements,
      functions,
    };
    const found =
      position < baseline ? [] : statements.flatMap((statement) => faultsOf(tag, statement, context));
    for (const { text } of statements) {
      const { name, shape } = functionOf(text) ?? {};
      if (name !== undefined && shape !== undefined) functions.set(name, shape);
    }
    return found;
  });
}

function faultsOf(tag: string, { text, comments }: Statement, context: Context): string[] {
  if (comments.some((comment) => CONTRACT.test(comment))) return [];
  return RULES.flatMap((rule) => rule(text, context) ?? []).map(
    (why) => `${tag}: "${text.slice(0, 80)}" ${why}`,
  );
}
