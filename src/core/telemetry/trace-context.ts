/** Where in a trace something happens (www.w3.org/TR/trace-context). */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hex digits, not all zero. */
  readonly spanId: string;
  /** Whether this trace is kept. */
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Undefined for what is no `traceparent`; of a newer version, as much as this one knows. */
export function parseTraceparent(header: string | null | undefined): TraceContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '00', rest] = TRACEPARENT.exec(header ?? '') ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** A place below `parent`, or at the top of a new trace. @param ratio share of the traces that are kept, 0 to 1 */
export function childContext(parent: TraceContext | undefined, ratio: number): TraceContext {
  const traceId = parent?.traceId ?? randomHex(16);
  return { traceId, spanId: randomHex(8), sampled: (parent?.sampled ?? true) && isKept(traceId, ratio) };
}

/** By the id, so that all parts of the system decide alike. */
function isKept(traceId: string, ratio: number): boolean {
  return Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;
}

function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
