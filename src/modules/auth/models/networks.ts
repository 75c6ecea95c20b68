const V4_BITS = 32;
const V6_BITS = 128;

/**
 * Reads an IPv4 or IPv6 network in CIDR notation.
 *
 * @returns why it is not one, undefined when it is. What passes is a network that PostgreSQL's `inet` takes, too: a
 * policy that it refused would keep everybody out (auth.address_in).
 */
export function faultOfNetwork(text: string): string | undefined {
  const [, address = '', prefix = ''] = /^([0-9a-f.:]{2,45})\/(0|[1-9]\d{0,2})$/i.exec(text) ?? [];
  const bits = address.includes(':') ? V6_BITS : V4_BITS;
  const value = address.includes(':') ? parseV6(address) : parseV4(address);
  if (value === undefined || Number(prefix) > bits)
    return 'must be a network in CIDR notation, like 192.0.2.0/24 or 2001:db8::/32';
  const hostBits = BigInt(bits - Number(prefix));
  if ((value >> hostBits) << hostBits !== value)
    return `has bits set beyond its prefix of ${prefix}: it is an address, not a network`;
  return undefined;
}

function parseV4(text: string): bigint | undefined {
  const octets = text.split('.');
  if (
    octets.length !== 4 ||
    !octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) < 256)
  )
    return undefined;
  return octets.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}

/** RFC 4291 2.2, without the form that ends in an IPv4 address: such a network never matches one. */
function parseV6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}
