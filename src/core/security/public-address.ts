import { ipv6Groups } from './address.ts';

/**
 * What is not public unicast, as network and length of its prefix
 * (IANA IPv4 Special-Purpose Address Registry, RFC 6890, RFC 5771).
 */
const SPECIAL_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/** The same within 2000::/3, the only public unicast of IPv6: its first 32 bits. */
const SPECIAL_IPV6: readonly (readonly [number, number])[] = [
  [0x20010000, 23], // protocols of the IETF, Teredo among them
  [0x20010db8, 32], // documentation
  [0x20020000, 16], // 6to4: any IPv4 address
  [0x3fff0000, 20], // documentation
];

/**
 * True for an address of the public internet. Everything else is not: private, loopback, link-local, shared, multicast,
 * reserved and documentation networks, IPv6 forms that carry an IPv4 address, and what is not an address.
 *
 * @param address IPv4 as four decimal numbers, or IPv6 without brackets
 */
export function isPublicAddress(address: string): boolean {
  const ipv4 = ipv4Number(address);
  if (ipv4 !== undefined)
    return !SPECIAL_IPV4.some(([network, length]) => within(ipv4, ipv4Number(network) ?? 0, length));
  const groups = ipv6Groups(address);
  if (groups === undefined) return false;
  const [first = 0, second = 0] = groups.map((group) => Number.parseInt(group, 16));
  const head = first * 0x10000 + second;
  return (
    within(head, 0x20000000, 3) && !SPECIAL_IPV6.some(([network, length]) => within(head, network, length))
  );
}

export function isAddress(host: string): boolean {
  return host.includes(':') || ipv4Number(host) !== undefined;
}

function ipv4Number(address: string): number | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) return undefined;
  const bytes = address.split('.').map(Number);
  return bytes.some((byte) => byte > 255)
    ? undefined
    : bytes.reduce((number, byte) => number * 256 + byte, 0);
}

function within(address: number, network: number, length: number): boolean {
  const size = 2 ** (32 - length);
  return Math.floor(address / size) === Math.floor(network / size);
}
