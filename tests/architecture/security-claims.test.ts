import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';

// The tables of docs/security.md, in the form that the top of that page describes.

const ROOT = join(import.meta.dirname, '../..');
const CLAIMS = 64;

interface Row {
  readonly ids: readonly string[];
  readonly how: string;
  readonly items: readonly string[];
}

const CLAIM = /^S\d+$/;
const REQUIREMENTS = /^\d+\.\d+\.\d+(, \d+\.\d+\.\d+)*$/;
/** A title may hold "; " too: what comes after it decides. */
const BETWEEN_ITEMS = /; (?=`|by reading: |issue \d|S\d|\d+\.\d+\.\d+(?:;|$))/;
const TEST = /^`((?:src|tests)\/[\w./-]+\.test\.ts)`: (\S.*)$/;
const READING = /^by reading: `[\w./-]+`(?:, `[\w./-]+`)*$/;
const REFERENCE = /^(?:S\d+|\d+\.\d+\.\d+)$/;
const ISSUE = /^issue 6(?:: \S.*)?$/;

let page: string;
let rows: Row[];
let quoted: { readonly file: string; readonly title: string }[];

beforeAll(async () => {
  page = await readFile(join(ROOT, 'docs/security.md'), 'utf8');
  rows = page.split('\n').flatMap(rowOf);
  quoted = rows.flatMap(({ items }) =>
    items.flatMap((item) => {
      const [, file, title] = TEST.exec(item) ?? [];
      return file && title ? [{ file, title: title.replaceAll('\\|', '|') }] : [];
    }),
  );
});

/** A line that is a row of one of the two tables. */
function rowOf(line: string): Row[] {
  const [before, ...cells] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
  const first = cells[0] ?? '';
  if (before !== '' || !(CLAIM.test(first) || REQUIREMENTS.test(first))) return [];
  expect(cells.length, `columns of ${first}`).toBe(CLAIM.test(first) ? 5 : 6);
  const [how = '', shown = ''] = cells.slice(-3);
  return [{ ids: first.split(', '), how, items: shown.split(BETWEEN_ITEMS) }];
}

/** Full titles of the tests in a file, as they stand in the source: `describe > test`. */
async function titlesIn(file: string): Promise<Set<string>> {
  const source = ts.createSourceFile(
    file,
    await readFile(join(ROOT, file), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const titles = new Set<string>();
  const visit = (node: ts.Node, path: readonly string[]): void => {
    const block = ts.isCallExpression(node) ? blockOf(node) : undefined;
    const here = block ? [...path, block.title] : path;
    if (block?.isTest) titles.add(here.join(' > '));
    ts.forEachChild(node, (child) => visit(child, here));
  };
  visit(source, []);
  return titles;
}

/** `test('title', …)`, `describe.each(…)('title', …)` and the like. */
function blockOf(call: ts.CallExpression): { title: string; isTest: boolean } | undefined {
  const [title] = call.arguments;
  const name = rootOf(call.expression);
  if (title === undefined || call.arguments.length < 2) return undefined;
  if (name !== 'describe' && name !== 'test' && name !== 'it') return undefined;
  if (ts.isStringLiteralLike(title)) return { title: title.text, isTest: name !== 'describe' };
  if (!ts.isTemplateExpression(title)) return undefined;
  return { title: title.getText().slice(1, -1), isTest: name !== 'describe' };
}

function rootOf(expression: ts.Expression): string | undefined {
  if (ts.isIdentifier(expression)) return expression.text;
  if (ts.isCallExpression(expression) || ts.isPropertyAccessExpression(expression))
    return rootOf(expression.expression);
  return undefined;
}

describe('docs/security.md', () => {
  it('has one row for each claim, and one for each requirement', () => {
    const ids = rows.flatMap((row) => row.ids);
    const claims = Array.from({ length: CLAIMS }, (_, index) => `S${index + 1}`);
    expect(ids.filter((id) => CLAIM.test(id))).toEqual(claims);
    expect(ids.length - CLAIMS).toBe(70 + 183);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  it('leaves nothing open', () => {
    expect(page.match(/TODO|Proposed/g)).toBeNull();
  });

  it('has nothing but items of the form that it describes in the last column', () => {
    const forms = [TEST, READING, REFERENCE, ISSUE];
    const odd = rows.flatMap(({ ids, how, items }) =>
      items
        .filter((item) =>
          item === '-' ? !how.startsWith('Does not apply') : !forms.some((form) => form.test(item)),
        )
        .map((item) => `${ids[0]}: ${item}`),
    );
    expect(odd).toEqual([]);
  });

  it('points to rows that are there', () => {
    const ids = new Set(rows.flatMap((row) => row.ids));
    const missing = rows.flatMap((row) =>
      row.items.filter((item) => REFERENCE.test(item) && (!ids.has(item) || row.ids.includes(item))),
    );
    expect(missing).toEqual([]);
  });

  it('quotes tests that exist, by their titles', async () => {
    expect(quoted.length).toBeGreaterThan(400);
    const files = [...new Set(quoted.map(({ file }) => file))];
    const read = await Promise.all(
      files.map(async (file) => [file, await titlesIn(file).catch(() => new Set<string>())] as const),
    );
    const titles = new Map(read);
    expect(
      quoted.filter(({ file, title }) => !titles.get(file)?.has(title)).map((test) => Object.values(test)),
    ).toEqual([]);
  });

  it('names files that exist where nothing but reading shows it', async () => {
    const paths = rows.flatMap(({ items }) =>
      items
        .filter((item) => READING.test(item))
        .flatMap((item) => [...item.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path)),
    );
    expect(paths.length).toBeGreaterThan(20);
    const missing = await Promise.all(
      paths.map(async (path) =>
        access(join(ROOT, path)).then(
          () => [],
          () => [path],
        ),
      ),
    );
    expect(missing.flat()).toEqual([]);
  });
});
