import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { bodyOf, type CallOptions, type Client } from './client.ts';
import type { Answer } from './guarantees.ts';
import { until } from './until.ts';
import { type Analysis, analysisSchema, type File, filePageSchema, fileSchema } from './wire.ts';

export type Content = string | Uint8Array<ArrayBuffer>;

/** As bytes: for a string fetch would announce a media type of its own. */
const bytesOf = (content: Content) =>
  typeof content === 'string' ? new TextEncoder().encode(content) : content;

export const sha256 = (content: Content): string => createHash('sha256').update(content).digest('hex');

/** RFC 9530. */
export const reprDigest = (content: Content): string =>
  `sha-256=:${createHash('sha256').update(content).digest('base64')}:`;

export function post(
  api: Client,
  name: string,
  content: Content,
  options: Omit<CallOptions, 'body' | 'json'> & { parentId?: string } = {},
): Promise<Answer> {
  const query = new URLSearchParams({ name, ...(options.parentId ? { parentId: options.parentId } : {}) });
  return api.call('POST', `/v1/files?${query}`, { ...options, body: bytesOf(content) });
}

export async function upload(api: Client, name: string, content: Content, parentId?: string): Promise<File> {
  return bodyOf(await post(api, name, content, parentId === undefined ? {} : { parentId }), 201, fileSchema);
}

export async function makeFolder(api: Client, name: string, parentId?: string): Promise<File> {
  const json = { name, ...(parentId === undefined ? {} : { parentId }) };
  return bodyOf(await api.call('POST', '/v1/folders', { json }), 201, fileSchema);
}

export async function getFile(api: Client, id: string): Promise<File> {
  return bodyOf(await api.call('GET', `/v1/files/${id}`), 200, fileSchema);
}

export async function list(
  api: Client,
  query: Readonly<Record<string, string>> = {},
): Promise<z.infer<typeof filePageSchema>> {
  return bodyOf(await api.call('GET', `/v1/files?${new URLSearchParams(query)}`), 200, filePageSchema);
}

export async function namesIn(api: Client, parentId?: string): Promise<string[]> {
  const { items } = await list(api, { limit: '200', ...(parentId === undefined ? {} : { parentId }) });
  return items.map(({ name }) => name);
}

export async function download(api: Client, id: string): Promise<Uint8Array> {
  const answer = await api.call('GET', `/v1/files/${id}/content`);
  if (answer.status !== 200) throw new Error(`the download answered ${answer.status}`);
  return answer.bytes;
}

export async function analysisOf(api: Client, id: string): Promise<Analysis> {
  return bodyOf(await api.call('GET', `/v1/files/${id}/analysis`), 200, analysisSchema);
}

/** Waits until the analysis of the current version has ended, whichever way. */
export function analysed(api: Client, id: string, withinMs = 30_000): Promise<Analysis> {
  return until(
    () => analysisOf(api, id),
    ({ status }) => status !== 'pending' && status !== 'processing',
    { withinMs, what: 'the analysis' },
  );
}
