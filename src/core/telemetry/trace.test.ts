import { describe, expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { encodeSpans } from './otlp.ts';
import { childContext, formatTraceparent, parseTraceparent } from './trace-context.ts';
import { currentTraceparent, takeSpans, withClientSpan, withRootSpan } from './tracer.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const root = { service: 'acs-test', name: 'GET', kind: 'server', parent: undefined, ratio: 1 } as const;

describe('a traceparent', () => {
  test('is read and written as the recommendation says', () => {
    const header = `00-${TRACE}-${SPAN}-01`;
    expect(parseTraceparent(header)).toEqual({ traceId: TRACE, spanId: SPAN, sampled: true });
    expect(formatTraceparent({ traceId: TRACE, spanId: SPAN, sampled: true })).toBe(header);
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.sampled).toBe(false);
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-the-future-brings`)?.traceId).toBe(TRACE);
  });

  test.each([
    null,
    undefined,
    '',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
  ])('is not taken from %j', (header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });
});

describe('sampling', () => {
  test('keeps about the share that is asked for, and decides the same for the same trace', () => {
    const contexts = Array.from({ length: 2_000 }, () => childContext(undefined, 0.25));
    const kept = contexts.filter(({ sampled }) => sampled);
    expect(kept.length).toBeGreaterThan(380);
    expect(kept.length).toBeLessThan(620);
    for (const context of kept) expect(childContext(context, 0.25).sampled).toBe(true);
  });

  test('is never more than the caller wanted, nor than the share', () => {
    expect(childContext({ traceId: TRACE, spanId: SPAN, sampled: false }, 1).sampled).toBe(false);
    expect(childContext(undefined, 0).sampled).toBe(false);
    expect(childContext({ traceId: TRACE, spanId: SPAN, sampled: true }, 0).sampled).toBe(false);
  });
});

describe('spans', () => {
  test('know their parents, also while others run at the same time', async () => {
    const one = (name: string) =>
      withRootSpan({ ...root, name }, async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        await withClientSpan('postgres', {}, async () => {});
      });
    await Promise.all([one('a'), one('b')]);
    const spans = [...takeSpans()];
    expect(spans).toHaveLength(4);
    for (const name of ['a', 'b']) {
      const parent = spans.find((span) => span.name === name);
      const child = spans.find(({ parentSpanId }) => parentSpanId === parent?.spanId);
      expect(child).toMatchObject({ name: 'postgres', kind: 'client', traceId: parent?.traceId });
    }
    expect(takeSpans().size).toBe(0);
  });

  test('of a call that fails say so, and it fails all the same', async () => {
    const failing = withRootSpan(root, async () => {
      throw new Error('away');
    });
    await expect(failing).rejects.toThrow('away');
    expect([...takeSpans()]).toMatchObject([{ failed: true }]);
  });

  test('are not recorded where nobody collects them, but lead on', async () => {
    let inside: string | undefined;
    await withRootSpan({ ...root, ratio: undefined }, async () => {
      inside = currentTraceparent();
    });
    expect(parseTraceparent(inside)).toBeDefined();
    expect(takeSpans().size).toBe(0);
  });

  test('wait in a bounded number', async () => {
    for (let index = 0; index < 2_100; index += 1) await withRootSpan(root, async () => {});
    expect(takeSpans().size).toBe(2_048);
  });

  test('are grouped by the part they are of, with times in nanoseconds', async () => {
    await withRootSpan(root, async () => {});
    await withRootSpan({ ...root, service: 'acs-other' }, async () => {});
    const { resourceSpans } = encodeSpans(takeSpans(), 'test');
    expect(resourceSpans).toHaveLength(2);
    expect(resourceSpans[0]?.scopeSpans[0]?.spans[0]?.startTimeUnixNano).toMatch(/^\d{13}000000$/);
  });
});

test('a log line names the trace that it is of', async () => {
  const lines: string[] = [];
  const logger = createLogger('info', {}, (line) => lines.push(line));
  logger.info('outside');
  await withRootSpan({ ...root, parent: parseTraceparent(`00-${TRACE}-${SPAN}-01`) }, async () =>
    logger.info('inside'),
  );
  takeSpans();
  expect(lines.map((line): unknown => JSON.parse(line).traceId)).toEqual([undefined, TRACE]);
});
