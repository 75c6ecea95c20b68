/**
 * What an address is counted under. One customer of an IPv6 provider has a whole /64 to choose from, so that is one
 * address here; an IPv4 address written as IPv6 is that IPv4 address.
 */
export function addressKey(address: string | null): string {
  if (address === null) return 'unknown';
  const groups = ipv6Groups(address);
  if (groups === undefined) return mappedIpv4(address) ?? address;
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** The eight groups of an IPv6 address, written out without leading zeros; undefined for every other text. */
export function ipv6Groups(address: string): readonly string[] | undefined {
  if (mappedIpv4(address) !== undefined || !/^[0-9a-f:]+$/i.test(address)) return undefined;
  const [head = '', tail, ...more] = address.toLowerCase().split('::');
  if (more.length > 0) return undefined;
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...before, ...Array.from({ length: missing }, () => '0'), ...after];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return undefined;
  return groups.map((group) => group.replace(/^0+(?=.)/, ''));
}

/** RFC 4291 2.5.5.2. */
function mappedIpv4(address: string): string | undefined {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
}
