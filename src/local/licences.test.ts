import { expect, test } from 'vitest';
import { findingsOf, refusedLicences } from './licences.ts';

const of = (licence: string | undefined, name = 'some-package') => ({ name, version: '1.0.0', licence });

test.each(['MIT', '(MIT OR GPL-3.0-only)', 'Apache-2.0 AND MIT', 'ISC'])(
  'what is under %s may ship',
  (licence) => {
    expect(refusedLicences([of(licence)])).toEqual([]);
  },
);

test.each([
  undefined,
  '',
  'GPL-3.0-only',
  'AGPL-3.0-or-later',
  'MIT AND GPL-2.0-only',
  'SEE LICENSE IN x',
  'UNLICENSED',
])('what is under %s may not', (licence) => {
  expect(refusedLicences([of(licence)])).toHaveLength(1);
});

test('an exception is for the packages that it names', () => {
  expect(refusedLicences([of('LGPL-3.0-or-later', '@img/sharp-libvips-linux-x64')])).toEqual([]);
  expect(refusedLicences([of('LGPL-3.0-or-later', '@img/something')])).toHaveLength(1);
});

test('known holes that are high or critical are found in what npm says', () => {
  const vulnerabilities = {
    mild: { severity: 'moderate', via: [{ title: 'a little' }] },
    bad: { severity: 'critical', via: [{ title: 'remote code' }, 'other'] },
  };
  expect(findingsOf(JSON.stringify({ vulnerabilities }))).toEqual([
    { name: 'bad', severity: 'critical', title: 'remote code, other' },
  ]);
  expect(findingsOf(JSON.stringify({ vulnerabilities: {} }))).toEqual([]);
});

test.each(['', 'no JSON', '{"message":"405 Method Not Allowed","statusCode":405}'])(
  'a registry that does not answer is not taken for one that knows of nothing: %s',
  (output) => {
    expect(findingsOf(output)).toBeUndefined();
  },
);
