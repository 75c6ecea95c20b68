import type { FinishedSpan, SpanKind } from './tracer.ts';

const TIMEOUT_MS = 5_000;
/** opentelemetry.io/docs/specs/otel/trace/api/#spankind, in the numbers of OTLP. */
const KINDS = { server: 2, client: 3, consumer: 5 } as const satisfies Record<SpanKind, number>;
const FAILED = 2;

export interface OtlpOptions {
  /** Of the collector; spans go to `/v1/traces` below it. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `deployment.environment.name` */
  readonly environment: string;
}

/**
 * Sends spans to a collector by OTLP over HTTP, as JSON (opentelemetry.io/docs/specs/otlp). A span that arrives twice
 * has the same id.
 * @throws Error when the collector does not take them
 */
export async function sendSpans(options: OtlpOptions, spans: Iterable<FinishedSpan>): Promise<void> {
  const { endpoint, headers, environment } = options;
  const answer = await fetch(`${endpoint.replace(/\/$/, '')}/v1/traces`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(encodeSpans(spans, environment)),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await answer.body?.cancel();
  // Of 4xx but 429 the specification says: not to be sent again.
  if (answer.status === 429 || answer.status >= 500)
    throw new Error(`the collector answered ${answer.status}`);
}

/** An ExportTraceServiceRequest. */
export function encodeSpans(spans: Iterable<FinishedSpan>, environment: string) {
  const byService = Map.groupBy(spans, ({ service }) => service);
  return {
    resourceSpans: [...byService].map(([service, own]) => ({
      resource: {
        attributes: attributesOf({ 'service.name': service, 'deployment.environment.name': environment }),
      },
      scopeSpans: [{ scope: { name: 'ai-cloud-storage' }, spans: own.map(encodeSpan) }],
    })),
  };
}

function encodeSpan(span: FinishedSpan) {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanoseconds(span.startedAt),
    endTimeUnixNano: nanoseconds(span.endedAt),
    attributes: attributesOf(span.attributes),
    status: span.failed ? { code: FAILED } : {},
  };
}

function attributesOf(values: Readonly<Record<string, string | number>>) {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(Math.round(value)) } : { stringValue: value },
  }));
}

/** As a string: a JSON number is not exact enough. */
function nanoseconds(milliseconds: number): string {
  return `${Math.round(milliseconds)}000000`;
}
