import { ipv6Groups } from '../../../core/security/address.ts';

/** The network of an address: enough to recognise a place by, too little to follow a person. */
export function networkOf(address: string | null): string | null {
  if (address === null) return null;
  const groups = ipv6Groups(address);
  if (groups) return `${groups.slice(0, 3).join(':')}::/48`;
  return `${address
    .replace(/^::ffff:/i, '')
    .split('.')
    .slice(0, 3)
    .join('.')}.0/24`;
}
