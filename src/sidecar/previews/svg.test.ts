import { expect, it } from 'vitest';
import { refuseOutsideReferences } from './svg.ts';

const SIZE = 100_000;
const seeds = [
  'a:',
  'a-',
  '<a',
  '<a ',
  '<a href',
  '<a href=" ',
  '<a href=\'"',
  ' href ',
  ' x:href = ',
  '<!ENTITY ',
  '<!ENTITY a ',
  'url( ',
  'url( " ',
  'url(',
  '@import',
  ' ',
  '"',
];

it('looks for references outside in time that is linear in any text', () => {
  const slow = seeds.flatMap((seed) => {
    const text = Buffer.from(`<svg><${seed.repeat(SIZE / seed.length)}`);
    const startedAt = process.cpuUsage();
    try {
      refuseOutsideReferences(text);
    } catch {
      // It may be refused.
    }
    const { user } = process.cpuUsage(startedAt);
    return user > 200_000 ? [`${seed}: ${user / 1_000} ms`] : [];
  });
  expect(slow).toEqual([]);
});

it.each(['image', 'b.c', 'x:use', 'feImage'])('finds an address outside in %s', (name) => {
  const drawing = (href: string) => Buffer.from(`<svg><${name} width="1" xlink:href="${href}"/></svg>`);
  expect(() => refuseOutsideReferences(drawing('http://a.example/x'))).toThrow(/outside/);
  expect(() => refuseOutsideReferences(drawing('#part'))).not.toThrow();
});
