/** The network of an address: enough to recognise a place by, too little to follow a person. */
export function networkOf(address: string | null): string | null {
  if (address === null) return null;
  if (address.includes(':')) return `${address.split(':').slice(0, 3).join(':')}::/48`;
  return `${address.split('.').slice(0, 3).join('.')}.0/24`;
}
