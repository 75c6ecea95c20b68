import { z } from 'zod';
import { type PluginManifest, pluginManifestSchema } from '../../contracts/sidecar.ts';
import type { PluginInput } from './plugin.ts';
import type { Settled } from './protocol.ts';

/** A plugin in another process, at an address that the operator configured. */
export interface HttpPlugin {
  readonly url: string;
  /** Sent as bearer token. */
  readonly token?: string | undefined;
  /** Without it, the address is asked with GET. */
  readonly manifest?: PluginManifest | undefined;
}

const answerSchema = z.union([
  z.strictObject({ output: z.record(z.string(), z.unknown()), remark: z.string().max(300).optional() }),
  z.strictObject({ skipped: z.string().max(300) }),
]);

/** What is around the output in an answer. */
const ENVELOPE_BYTES = 1_024;
const MANIFEST_BYTES = 16_384;
const MANIFEST_MS = 5_000;

/** @throws Error that says for a person why there is no manifest */
export async function fetchManifest(plugin: HttpPlugin, signal: AbortSignal): Promise<PluginManifest> {
  if (plugin.manifest !== undefined) return plugin.manifest;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(MANIFEST_MS)]);
  const answer = pluginManifestSchema.safeParse(
    await exchange(plugin, { method: 'GET' }, MANIFEST_BYTES, limit),
  );
  if (!answer.success) throw new Error('It does not answer with a manifest.');
  return answer.data;
}

/** One `POST` of `{step, version, input}`, answered by `{output, remark?}` or `{skipped}`. @throws the caller's reason */
export async function runHttpPlugin(
  plugin: HttpPlugin,
  { name, version, limits }: PluginManifest,
  input: PluginInput,
  signal: AbortSignal,
): Promise<Settled> {
  const over = AbortSignal.timeout(limits.milliseconds);
  const body = JSON.stringify({ step: name, version, input });
  try {
    const headers = { 'content-type': 'application/json' };
    const bytes = limits.outputBytes + ENVELOPE_BYTES;
    const json = await exchange(
      plugin,
      { method: 'POST', headers, body },
      bytes,
      AbortSignal.any([signal, over]),
    );
    const answer = answerSchema.safeParse(json);
    if (!answer.success) return { kind: 'failed', reason: 'It answered with something else than an output.' };
    if ('skipped' in answer.data) return { kind: 'skipped', reason: answer.data.skipped };
    const { output, remark } = answer.data;
    return { kind: 'done', output: JSON.stringify(output), ...(remark === undefined ? {} : { remark }) };
  } catch (error) {
    signal.throwIfAborted();
    if (over.aborted) {
      return { kind: 'failed', reason: `It did not end within ${limits.milliseconds / 1000} seconds.` };
    }
    return { kind: 'failed', reason: explain(error) };
  }
}

/** Why an exchange came to nothing, in words that may be shown. */
class ExchangeError extends Error {
  override name = 'ExchangeError';
}

async function exchange(
  { url, token }: HttpPlugin,
  init: { method: string; headers?: Record<string, string>; body?: string },
  mostBytes: number,
  signal: AbortSignal,
): Promise<unknown> {
  const headers = { accept: 'application/json', ...init.headers };
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  // An answer decides nothing about where the text goes next: redirects are answers like any other, and refused.
  const response = await fetch(url, {
    ...init,
    headers: { ...headers, ...authorization },
    redirect: 'manual',
    signal,
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new ExchangeError(`It answered with status ${response.status}.`);
  }
  const text = await readUpTo(response, mostBytes);
  try {
    return JSON.parse(text);
  } catch {
    throw new ExchangeError('It answered with something else than JSON.');
  }
}

async function readUpTo(response: Response, mostBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the body.
  for await (const piece of response.body ?? []) {
    bytes += piece.length;
    if (bytes > mostBytes) throw new ExchangeError('Its answer is larger than is allowed.');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

export function explain(error: unknown): string {
  if (error instanceof ExchangeError) return error.message;
  return 'It could not be reached.';
}
