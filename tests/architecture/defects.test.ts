import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFECTS } from '../defects/defects.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('the seeded defects', () => {
  test('are each another one', () => {
    const titles = DEFECTS.map(({ title }) => title);
    expect(titles.filter((title, at) => titles.indexOf(title) !== at)).toEqual([]);
  });

  test.each(DEFECTS)('$claim: $title', async ({ file, find, replace, tests, by = '' }) => {
    const source = await readFile(join(ROOT, file), 'utf8');
    expect(source.split(find).length - 1, `places in ${file} that read: ${find}`).toBe(1);
    expect(replace).not.toBe(find);
    expect(tests.length).toBeGreaterThan(0);
    const texts = await Promise.all(tests.map((path) => readFile(join(ROOT, path), 'utf8')));
    expect(
      texts.some((text) => text.includes(by)),
      `a title with: ${by}`,
    ).toBe(true);
  });
});
