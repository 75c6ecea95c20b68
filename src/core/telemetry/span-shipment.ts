import { v7 as uuidv7 } from 'uuid';
import { sendSpans } from './otlp.ts';
import { createShipment, type Shipment } from './shipment.ts';
import { takeSpans } from './tracer.ts';

export interface SpanShipmentConfig {
  readonly OTEL_EXPORTER_OTLP_ENDPOINT: string;
  readonly OTEL_EXPORTER_OTLP_HEADERS: Readonly<Record<string, string>>;
  readonly ENVIRONMENT: string;
}

/** Brings the spans of an isolate or process to the collector. */
export function createSpanShipment(config: SpanShipmentConfig): Shipment {
  const collector = {
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS,
    environment: config.ENVIRONMENT,
  };
  return createShipment({
    take: takeSpans,
    send: (_id, spans) => sendSpans(collector, spans),
    newId: uuidv7,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    now: Date.now,
  });
}
