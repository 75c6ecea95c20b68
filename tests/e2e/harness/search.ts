import { bodyOf, type Client } from './client.ts';
import { type SearchResult, searchResultSchema } from './wire.ts';

export async function search(
  api: Client,
  q: string,
  options: Readonly<Record<string, string>> = {},
): Promise<SearchResult> {
  const query = new URLSearchParams({ q, ...options });
  return bodyOf(await api.call('GET', `/v1/search?${query}`), 200, searchResultSchema);
}

export const namesFound = ({ items }: SearchResult): string[] => items.map(({ file }) => file.name);
