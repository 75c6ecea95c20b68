import { randomBytes } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, createClient } from './harness/client.ts';
import { type CollectedSpan, collectedSchema, KEPT } from './harness/collector.ts';
import { analysisOf, post } from './harness/files.ts';
import { plant } from './harness/planted.ts';
import { until } from './harness/until.ts';
import { fileSchema } from './harness/wire.ts';

const { url, collectorUrl, hasModel } = inject('installation');
const api = createClient(url);
const CLIENT_SPAN = 'c11e00000000c11e';

const newTraceId = () => randomBytes(16).toString('hex').slice(0, -KEPT.length) + KEPT;
const traced = (traceId: string, flags = '01') => ({ traceparent: `00-${traceId}-${CLIENT_SPAN}-${flags}` });

async function spansOf(traceId: string): Promise<CollectedSpan[]> {
  return collectedSchema.parse(await (await fetch(`${collectorUrl}/traces/${traceId}`)).json());
}

const text = (span: CollectedSpan, key: string) => {
  const value = span.attributes.find((attribute) => attribute.key === key)?.value;
  return value && 'stringValue' in value ? value.stringValue : undefined;
};

/** Each part sends its spans by itself, children before their parents. */
function orphansIn(spans: readonly CollectedSpan[]): CollectedSpan[] {
  const known = new Set([CLIENT_SPAN, ...spans.map(({ spanId }) => spanId)]);
  return spans.filter(({ parentSpanId }) => !known.has(parentSpanId ?? ''));
}

/** Uploads a document of its own and waits until it is read. */
async function uploadTraced(traceId: string): Promise<CollectedSpan[]> {
  const account = await newAccount(api);
  const answer = await post(account.api, 'traced.txt', `About the trace ${traceId}, and more of it.`, {
    headers: traced(traceId),
  });
  const { id } = bodyOf(answer, 201, fileSchema);
  await until(
    () => analysisOf(account.api, id),
    ({ status }) => status === 'ready',
    { withinMs: 60_000, what: 'the analysis' },
  );
  await account.api.call('GET', '/v1/search?q=trace', { headers: traced(traceId) });
  return until(
    () => spansOf(traceId),
    (spans) =>
      ['analyse version', 'POST /v1/read', 'GET /v1/search'].every((wanted) =>
        spans.some(({ name }) => name === wanted),
      ) && orphansIn(spans).length === 0,
    { withinMs: 20_000, what: 'the spans' },
  );
}

describe.skipIf(!hasModel)('the trace of an upload', () => {
  it('leads in one piece from the client through every part until the file is ready', async () => {
    // A wake-up may be one for several uploads, and then belongs to the trace of the first.
    const spans = await until(
      () => uploadTraced(newTraceId()),
      (found) => found.some(({ name }) => name === 'process acs-events'),
      { withinMs: 50_000, what: 'a wake-up of this upload' },
    );
    for (const service of ['acs-gateway', 'acs-storage', 'acs-ai', 'acs-sidecar'])
      expect(spans.map((span) => span.service)).toContain(service);
    const peers = new Set(spans.map((span) => text(span, 'peer.service')));
    for (const peer of ['postgres', 's3', 'redis', 'sidecar', 'storage']) expect(peers).toContain(peer);
    expect(orphansIn(spans)).toEqual([]);
    const gateway = spans.find(({ service, name }) => service === 'acs-gateway' && name.startsWith('POST'));
    expect(gateway).toMatchObject({ parentSpanId: CLIENT_SPAN, kind: 2 });
    expect(
      spans.find(({ parentSpanId, kind }) => parentSpanId === gateway?.spanId && kind === 2),
    ).toMatchObject({
      service: 'acs-storage',
      name: 'POST /v1/files',
    });
    expect(spans.map(({ name }) => name)).toContain('POST /v1/read');
  });

  it('is not kept when the client says that it is not sampled', async () => {
    const [kept, dropped] = [newTraceId(), newTraceId()];
    await api.call('GET', '/v1/auth/me', { headers: traced(dropped, '00') });
    await api.call('GET', '/v1/auth/me', { headers: traced(kept) });
    const spans = await until(
      () => spansOf(kept),
      (found) => found.some(({ service }) => service === 'acs-auth'),
      { withinMs: 20_000, what: 'the spans' },
    );
    expect(spans.map(({ service }) => service)).toContain('acs-gateway');
    expect(await spansOf(dropped)).toEqual([]);
  });

  it.each(['nonsense', `00-${'0'.repeat(32)}-${CLIENT_SPAN}-01`, `ff-${'a'.repeat(32)}-${CLIENT_SPAN}-01`])(
    'begins anew for a traceparent that is none: %s',
    async (traceparent) => {
      const answer = await api.call('GET', '/v1/auth/me', { headers: { traceparent } });
      expect(answer.status).toBe(401);
    },
  );
});

describe('what people do', () => {
  it('leaves no trace of what they keep in logs, spans and metrics, nor of what proves who they are', async () => {
    const word = `canary${randomBytes(8).toString('hex')}`;
    const account = await newAccount(api);
    plant(word, account.password, account.email, account.tokens.accessToken, account.tokens.refreshToken);
    const { api: mine } = account;
    const headers = traced(newTraceId());

    const file = bodyOf(
      await post(mine, `${word}.txt`, `The ${word} sings at dawn.`, { headers }),
      201,
      fileSchema,
    );
    await mine.call('POST', '/v1/folders', { json: { name: word } });
    await mine.call('PATCH', `/v1/files/${file.id}`, { json: { name: `${word}.md`, tags: [word] } });
    await mine.call('GET', `/v1/search?q=${word}`, { headers });
    await mine.call('POST', '/v1/ask', { json: { question: `Who is ${word}?` } });
    const link = await mine.call('POST', `/v1/files/${file.id}/links`, {
      json: { mode: 'view', password: word },
    });
    const made = JSON.parse(new TextDecoder().decode(link.bytes));
    expect(link.status).toBe(201);
    plant(made.token);
    await api.call('GET', `/v1/shared-links/${made.token}`);
    const key = await mine.call('POST', '/v1/auth/api-keys', {
      json: { name: 'planted', scopes: ['files:read'] },
    });
    expect(key.status).toBe(201);
    plant(JSON.parse(new TextDecoder().decode(key.bytes)).key);

    await api.call('POST', '/v1/auth/login', { json: { email: account.email, password: word } });
    await api.call('POST', '/v1/auth/register', { json: { email: account.email, password: word } });
    await api.call('POST', '/v1/auth/refresh', { json: { refreshToken: word.repeat(3) } });
    await api.call('GET', '/v1/auth/me', { token: word });
    await api.call('GET', `/v1/files/${word}`);
    await api.call('POST', '/v1/folders', {
      body: `{"name": "${word}`,
      headers: { 'content-type': 'application/json' },
    });
    await mine.call('POST', '/v1/folders', { json: { name: [word], [word]: true } });
    // The search for what is planted is at the end of the run (harness/global-setup.ts).
  });
});
