import type { Defect } from '../defect.ts';

const TRACES = ['src/core/telemetry/trace.test.ts'];

/** TRACES: one request is one trace, in bounds. LOGS: what must not be in a log line. */
export const TRACE_DEFECTS: readonly Defect[] = [
  {
    claim: 'TRACES',
    title: 'a client makes us keep its traces, whatever the share',
    file: 'src/core/telemetry/trace-context.ts',
    find: '(parent?.sampled ?? true) && isKept(traceId, ratio)',
    replace: 'parent?.sampled ?? isKept(traceId, ratio)',
    tests: TRACES,
    by: 'is never more than the caller wanted, nor than the share',
  },
  {
    claim: 'TRACES',
    title: 'a trace of zeros is one',
    file: 'src/core/telemetry/trace-context.ts',
    find: 'if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;',
    replace: '',
    tests: TRACES,
    by: 'is not taken from',
  },
  {
    claim: 'TRACES',
    title: 'a call is no part of the request that made it',
    file: 'src/core/telemetry/tracer.ts',
    find: '{ parentSpanId: outer.context.spanId, name,',
    replace: '{ parentSpanId: undefined, name,',
    tests: TRACES,
    by: 'know their parents, also while others run at the same time',
  },
  {
    claim: 'TRACES',
    title: 'a collector that is away fills the isolate',
    file: 'src/core/telemetry/tracer.ts',
    find: 'if (records && finished.size < MAX_WAITING)',
    replace: 'if (records)',
    tests: TRACES,
    by: 'wait in a bounded number',
  },
  {
    claim: 'TRACES',
    title: 'a failed call looks like one that went well',
    file: 'src/core/telemetry/tracer.ts',
    find: 'end = { ...end, failed: true };',
    replace: '',
    tests: TRACES,
    by: 'of a call that fails say so, and it fails all the same',
  },
  {
    claim: 'LOGS',
    title: 'a line does not say of which trace it is',
    file: 'src/core/telemetry/logger.ts',
    find: 'const traceId = currentTraceId();',
    replace: 'const traceId = undefined;',
    tests: TRACES,
    by: 'a log line names the trace that it is of',
  },
  {
    claim: 'LOGS',
    title: 'whatever somebody writes into a path is in the log',
    file: 'src/core/http/app.ts',
    find: "(LOGGED_SEGMENT.test(segment) ? segment : '…')",
    replace: 'segment',
    tests: ['src/core/http/app.test.ts'],
    by: 'the log names the path by ids and plain words only',
  },
];
