import { AsyncLocalStorage } from 'node:async_hooks';
import { childContext, formatTraceparent, type TraceContext } from './trace-context.ts';

export type SpanKind = 'server' | 'client' | 'consumer';
export type Attributes = Readonly<Record<string, string | number>>;

/** Something that took its time, at its place in a trace. */
export interface FinishedSpan extends TraceContext {
  readonly parentSpanId: string | undefined;
  /** Which part of the system it happened in. */
  readonly service: string;
  readonly name: string;
  readonly kind: SpanKind;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Attributes;
  readonly failed: boolean;
}

export interface Span {
  /** What is known by the end: the template of a route, a status. Never a token, an address, a name of a file. */
  describe(name: string, attributes: Attributes, failed?: boolean): void;
}

export interface RootOptions {
  readonly service: string;
  readonly name: string;
  readonly kind: Exclude<SpanKind, 'client'>;
  /** Where the call came from. */
  readonly parent: TraceContext | undefined;
  /** Share of the traces that are kept, 0 to 1; undefined: spans go nowhere, only logs carry the id. */
  readonly ratio: number | undefined;
}

interface Active {
  readonly context: TraceContext;
  readonly service: string;
  readonly records: boolean;
}

/** A collector that is away must not fill an isolate. */
const MAX_WAITING = 2_048;
const NONE: Attributes = {};
const active = new AsyncLocalStorage<Active>();
let finished = new Set<FinishedSpan>();

/** What has ended since the last time somebody took it, of this isolate. */
export function takeSpans(): ReadonlySet<FinishedSpan> {
  const taken = finished;
  finished = new Set();
  return taken;
}

/** For logs. */
export function currentTraceId(): string | undefined {
  return active.getStore()?.context.traceId;
}

/** For calls, messages and rows that lead on from here. */
export function currentTraceparent(): string | undefined {
  const store = active.getStore();
  return store && formatTraceparent(store.context);
}

/** The way of one request or message through one part of the system. */
export function withRootSpan<T>(options: RootOptions, work: (span: Span) => Promise<T>): Promise<T> {
  const { parent, service, name, kind, ratio } = options;
  const context = childContext(parent, ratio ?? 1);
  const records = ratio !== undefined && context.sampled;
  return record({ context, service, records }, { parentSpanId: parent?.spanId, name, kind }, work);
}

/** A call to something else; outside of a trace only the call. */
export function withClientSpan<T>(
  name: string,
  attributes: Attributes,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const outer = active.getStore();
  if (outer === undefined) return work({ describe: () => {} });
  const context = childContext(outer.context, 1);
  return record(
    { ...outer, context },
    { parentSpanId: outer.context.spanId, name, kind: 'client' },
    (span) => {
      span.describe(name, attributes);
      return work(span);
    },
  );
}

async function record<T>(
  { context, service, records }: Active,
  start: Pick<FinishedSpan, 'parentSpanId' | 'name' | 'kind'>,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const startedAt = Date.now();
  let end = { name: start.name, attributes: NONE, failed: false };
  const span: Span = {
    describe(name, attributes, failed = false) {
      end = { name, attributes: { ...end.attributes, ...attributes }, failed };
    },
  };
  try {
    return await active.run({ context, service, records }, () => work(span));
  } catch (error) {
    end = { ...end, failed: true };
    throw error;
  } finally {
    if (records && finished.size < MAX_WAITING)
      finished.add({ ...context, ...start, ...end, service, startedAt, endedAt: Date.now() });
  }
}
