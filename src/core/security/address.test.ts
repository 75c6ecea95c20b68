import { expect, test } from 'vitest';
import { addressKey, ipv6Groups } from './address.ts';

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:DB8:0:0:ffff:ffff:ffff:ffff', '2001:db8:0:0::/64'],
  ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
  ['2001:0db8:0000:0001::', '2001:db8:0:1::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s is counted as %s', (address, key) => {
  expect(addressKey(address)).toBe(key);
});

test('whoever comes from nowhere is counted with all the others of that kind', () => {
  expect(addressKey(null)).toBe('unknown');
});

test.each(['', '1::2::3', '1:2:3', '12345::', 'g::', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', '203.0.113.7'])(
  '%s is no IPv6 address',
  (text) => {
    expect(ipv6Groups(text)).toBeUndefined();
  },
);
