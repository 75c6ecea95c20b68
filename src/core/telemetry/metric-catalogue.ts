/** Upper bounds in seconds; the last one is +Inf. From a cache hit to a request that runs into its time-out. */
export const DURATION_BUCKETS_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;

interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Each takes few values, known in advance: a route is its template, never a path. */
  readonly labels: readonly string[];
}

/** Every metric of the edge, by name; names and units follow prometheus.io/docs/practices/naming. */
export const METRICS = {
  acs_http_requests_total: {
    type: 'counter',
    help: 'Requests that were answered, by module, method, route template and status.',
    labels: ['module', 'method', 'route', 'status'],
  },
  acs_http_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from the arrival of a request at a module to the head of its answer.',
    labels: ['module', 'method', 'route'],
  },
  acs_dependency_calls_total: {
    type: 'counter',
    help: 'Calls to what the modules stand on: ok, error (5xx, or no answer), aborted (by the caller), rejected (circuit open).',
    labels: ['dependency', 'outcome'],
  },
  acs_dependency_call_duration_seconds: {
    type: 'histogram',
    help: 'Time until a dependency answered or failed; rejected calls are not in it.',
    labels: ['dependency'],
  },
  acs_breaker_opened_total: {
    type: 'counter',
    help: 'How often a circuit breaker of an isolate opened.',
    labels: ['dependency'],
  },
  acs_metrics_store_up: {
    type: 'gauge',
    help: '1 when the store that adds up the counters of all isolates answered, else 0 and no counters.',
    labels: [],
  },
  acs_dependency_up: {
    type: 'gauge',
    help: '1 when what a module stands on answered it just now.',
    labels: ['module', 'dependency'],
  },
  acs_module_up: {
    type: 'gauge',
    help: '1 when the module and what it cannot do without answered just now.',
    labels: ['module'],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;
export type Labels<Name extends MetricName> = Readonly<
  Record<(typeof METRICS)[Name]['labels'][number], string>
>;
type NamesOf<Type> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];
export type CounterName = NamesOf<'counter'>;
export type HistogramName = NamesOf<'histogram'>;
