import { v7 as uuidv7 } from 'uuid';
import { createUpstashTotals } from '../cache/upstash-totals.ts';
import {
  cacheConfigSchema,
  metricsConfigSchema,
  runtimeConfigSchema,
  tracesConfigSchema,
} from '../config/config.ts';
import { perEnvironment } from '../config/per-environment.ts';
import { metrics } from '../telemetry/metrics.ts';
import { createShipment, type Shipment } from '../telemetry/shipment.ts';
import { createSpanShipment } from '../telemetry/span-shipment.ts';

/** Where the counts and spans of an isolate go. */
export interface Telemetry {
  /** Share of the traces that are kept; undefined where there is no collector. */
  readonly ratio: number | undefined;
  /** Sends what has come together, soon. Never throws. */
  send(waitUntil: (promise: Promise<unknown>) => void): void;
}

const countedSchema = cacheConfigSchema.extend(metricsConfigSchema.required().shape);
const tracedSchema = runtimeConfigSchema
  .extend(tracesConfigSchema.shape)
  .required({ OTEL_EXPORTER_OTLP_ENDPOINT: true });

/** Null where nothing goes anywhere. What is wrong with the environment is said by the module, not here. */
export const telemetryOf = perEnvironment((env): Telemetry | null => {
  const counted = countedSchema.safeParse(env);
  const traced = tracedSchema.safeParse(env);
  const shipments: Shipment[] = [];
  if (counted.success) {
    shipments.push(
      createShipment({
        take: metrics.take,
        send: createUpstashTotals(counted.data).add,
        newId: uuidv7,
        sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
        now: Date.now,
      }),
    );
  }
  if (traced.success) shipments.push(createSpanShipment(traced.data));
  if (shipments.length === 0) return null;
  return {
    ratio: traced.success ? traced.data.OTEL_TRACES_SAMPLER_ARG : undefined,
    send(waitUntil) {
      for (const shipment of shipments) shipment.soon(waitUntil);
    },
  };
});
