import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

const attributeSchema = z.strictObject({
  key: z.string().min(1),
  value: z.union([
    z.strictObject({ stringValue: z.string() }),
    z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
  ]),
});
const spanSchema = z.strictObject({
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  parentSpanId: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  name: z.string().min(1),
  kind: z.int().min(1).max(5),
  startTimeUnixNano: z.string().regex(/^\d{19}$/),
  endTimeUnixNano: z.string().regex(/^\d{19}$/),
  attributes: z.array(attributeSchema),
  status: z.strictObject({ code: z.literal(2).optional() }),
});
/** An ExportTraceServiceRequest of OTLP (opentelemetry-proto, trace/v1), as much of it as the product sends. */
const requestSchema = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes: z.array(attributeSchema) }),
      scopeSpans: z.array(
        z.strictObject({ scope: z.strictObject({ name: z.string() }), spans: z.array(spanSchema).min(1) }),
      ),
    }),
  ),
});

export const collectedSchema = z.array(spanSchema.extend({ service: z.string() }));
export type CollectedSpan = z.infer<typeof collectedSchema>[number];

/** Traces whose id ends so are kept at any ratio, and by the collector in memory. */
export const KEPT = '0000000000000';

export interface Collector {
  readonly url: string;
  close(): Promise<void>;
}

/** Takes OTLP over HTTP; `GET /traces/{id}` is what it has of a trace. Everything is written to `file`, too. */
export async function startCollector(file: string): Promise<Collector> {
  const traces = new Map<string, CollectedSpan[]>();
  const log = createWriteStream(file, { flags: 'a' });

  function take(body: unknown): void {
    log.write(`${JSON.stringify(body)}\n`);
    for (const { resource, scopeSpans } of requestSchema.parse(body).resourceSpans) {
      const name = resource.attributes.find(({ key }) => key === 'service.name')?.value;
      const service = name && 'stringValue' in name ? name.stringValue : '';
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        if (!span.traceId.endsWith(KEPT)) continue;
        traces.set(span.traceId, [...(traces.get(span.traceId) ?? []), { ...span, service }]);
      }
    }
  }

  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      response.end(JSON.stringify(traces.get(request.url?.split('/').at(-1) ?? '') ?? []));
      return;
    }
    try {
      take(await json(request));
      response.end('{}');
    } catch (error) {
      log.write(`${String(error)}\n`);
      response.writeHead(400).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    async close() {
      server.closeAllConnections();
      server.close();
      log.end();
      await once(log, 'close');
    },
  };
}
