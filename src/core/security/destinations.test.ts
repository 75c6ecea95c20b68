import { describe, expect, test } from 'vitest';
import { createDestinations } from './destinations.ts';
import { isPublicAddress } from './public-address.ts';

const open = createDestinations({
  resolve: async () => ['93.184.216.34'],
  allowedHosts: ['127.0.0.1:9999'],
  ownHosts: ['s3.example.com', 'api.example.com'],
});

describe('a public address', () => {
  test.each([
    '93.184.216.34',
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.0',
    '100.63.0.1',
    '100.128.0.1',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450:4001:81b::200e',
  ])('is %s', (address) => expect(isPublicAddress(address)).toBe(true));

  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '256.1.1.1',
    '1.2.3',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:7f00:1',
    '::7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    '5f00::1',
    'fe80::1%eth0',
    '',
    'example.com',
    '::1::2',
  ])('is not %s', (address) => expect(isPublicAddress(address)).toBe(false));
});

describe('a destination that a user names', () => {
  test.each([
    'https://hooks.example.org/x?y=1',
    'https://hooks.example.org:8443/',
    'https://HOOKS.example.org./',
    'https://93.184.216.34/',
    'https://bücher.example.org/',
    'http://127.0.0.1:9999/in',
    'https://127.0.0.1:9999/in',
  ])('may be %s', (url) => expect(open.refusal(url)).toBeUndefined());

  test.each([
    'http://hooks.example.org/',
    'ftp://hooks.example.org/',
    'file:///etc/passwd',
    'data:,x',
    'javascript:0',
    'gopher://x.example.org/',
    'https://user:pass@hooks.example.org/',
    'https://user@hooks.example.org/',
    'https://hooks.example.org/#x',
    'https://hooks.example.org:22/',
    'https://hooks.example.org:80/',
    'https://hooks.example.org:9000/',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0x7f.1/',
    'https://0x7f000001/',
    'https://2130706433/',
    'https://017700000001/',
    'https://0177.0.0.1/',
    'https://0/',
    'https://１２７.0.0.1/',
    'https://127。0。0。1/',
    'https://%31%32%37.0.0.1/',
    'https://127.0.0.1./',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.1/',
    'https://100.64.0.1/',
    'https://192.168.0.1:8443/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[fe80::1]/',
    'https://[fd00::1]/',
    'https://[0:0:0:0:0:ffff:a9fe:a9fe]/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://a.localhost/',
    'https://intranet/',
    'https://printer.local/',
    'https://metadata.google.internal/',
    'https://nas.home.arpa/',
    'https://x.onion/',
    'https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/',
    'https://s3.example.com/',
    'https://API.example.com./',
    'http://127.0.0.1:9998/',
    'http://localhost:9999/',
    'http://127.0.0.1/',
    'hooks.example.org',
    '',
    ' ',
    'https://',
    `https://hooks.example.org/${'x'.repeat(2_000)}`,
  ])('is not %s', (url) => expect(open.refusal(url)).toEqual(expect.any(String)));

  test('has only public addresses, all of them, at the moment', async () => {
    const kindFor = async (...addresses: string[]) =>
      (
        await createDestinations({ resolve: async () => addresses, allowedHosts: [], ownHosts: [] }).look(
          'https://a.example.org/',
        )
      ).kind;
    expect(await kindFor('93.184.216.34', '2606:4700::1111')).toBe('open');
    expect(await kindFor('93.184.216.34', '127.0.0.1')).toBe('unresolved');
    expect(await kindFor('93.184.216.34', '::ffff:10.0.0.1')).toBe('unresolved');
    expect(await kindFor()).toBe('unresolved');
  });

  test('is unknown while names cannot be looked up, and refused before that by how it is written', async () => {
    const destinations = createDestinations({
      resolve: () => Promise.reject(new Error('down')),
      allowedHosts: [],
      ownHosts: [],
    });
    expect((await destinations.look('https://a.example.org/')).kind).toBe('unknown');
    expect((await destinations.look('https://127.0.0.1/')).kind).toBe('refused');
  });
});
