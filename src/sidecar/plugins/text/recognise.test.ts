import { expect, it } from 'vitest';
import { amountsIn, emailsIn, numbersIn, phonesIn, toDecimal, urlsIn } from './recognise.ts';

const SIZE = 100_000;
const seeds = [
  '1',
  '1.',
  '1,',
  '1 ',
  '1 1',
  '111 ',
  '+1',
  '(0',
  '0 ',
  '-1',
  'a@',
  '@',
  'a.',
  'a@a.',
  'http://',
  'www.',
  'EUR ',
  '$1',
  '1€',
  "1'",
  '1/',
  '€',
  'EUR1 ',
  '00 ',
  '(((',
  '))',
];

it.each([
  ['amounts', amountsIn],
  ['e-mail addresses', emailsIn],
  ['numbers', numbersIn],
  ['phone numbers', phonesIn],
  ['URLs', urlsIn],
])('finds %s in time that is linear in any text', (_, find) => {
  find('a@b.example 1 EUR +49 30 123456 http://a.example');
  const slow = seeds.flatMap((seed) => {
    const text = seed.repeat(SIZE / seed.length);
    const startedAt = process.cpuUsage();
    find(text);
    const { user } = process.cpuUsage(startedAt);
    return user > 50_000 ? [`${seed}: ${user / 1_000} ms`] : [];
  });
  expect(slow).toEqual([]);
});

it.each([
  ['1.234,56', '1234.56'],
  ['1,234.56', '1234.56'],
  ['1,234', '1234'],
  ['0,125', '0.125'],
  ['1 234 567', '1234567'],
  ['-12,5', '-12.5'],
  ['1.234.567', '1234567'],
])('reads %s as %s', (raw, value) => {
  expect(toDecimal(raw)).toBe(value);
});
