import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBatcher as createBatcherOf, QueueFullError } from './batcher.ts';
import { createCores } from './cores.ts';
import type { InferenceEngine, TokenBatch } from './engine.ts';

const roomy = { batchTokens: 100_000, interactiveTokens: 100_000 };

/** Answers each row with [first id, length]; runs when the test says so. */
function createStepEngine(lanes = 1) {
  const seen: TokenBatch[] = [];
  const waiting: (() => void)[] = [];
  const engine: InferenceEngine = {
    lanes,
    dimensions: 2,
    run(_lane, batch) {
      seen.push(batch);
      return new Promise((resolve) => {
        waiting.push(() => {
          const rows = [...batch.lengths].flatMap((length, row) => [
            batch.ids[row * batch.columns] ?? 0,
            length,
          ]);
          resolve(Float32Array.from(rows));
        });
      });
    },
    close: async () => undefined,
  };
  return { engine, seen, step: () => waiting.shift()?.() };
}

/** Answers at once. */
function createInstantEngine(lanes = 2) {
  const stepped = createStepEngine(lanes);
  const run: InferenceEngine['run'] = (lane, batch) => {
    const answer = stepped.engine.run(lane, batch);
    stepped.step();
    return answer;
  };
  return { ...stepped, engine: { ...stepped.engine, run } };
}

type Options = Omit<Parameters<typeof createBatcherOf>[0], 'cores'>;

/** With as many cores as the engine has lanes. */
const createBatcher = (options: Options, cores = createCores(options.engine.lanes)) =>
  createBatcherOf({ ...options, cores });

const sequence = (id: number, length: number) => new Int32Array(length).fill(id);
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('createBatcher', () => {
  it('gives every caller the vectors of their own texts, in order', async () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(fc.array(lengths, { minLength: 1, maxLength: 6 }), async (calls) => {
        const { engine, seen } = createInstantEngine();
        const batcher = createBatcher({ engine, limits: roomy, batchTokens: 512, lingerMs: 0 });
        let id = 1;
        const sent = calls.map((call) => call.map((length) => sequence(id++, length)));
        const answers = await Promise.all(sent.map((sequences) => batcher.embed(sequences, 'batch')));
        expect(answers.map((vectors) => vectors.map((vector) => [...vector]))).toEqual(
          sent.map((sequences) => sequences.map((ids) => [ids[0], ids.length])),
        );
        for (const { ids, lengths: rows } of seen) expect(rows.length === 1 || ids.length <= 512).toBe(true);
        expect(batcher.queuedTokens).toEqual({ interactive: 0, batch: 0 });
      }),
      { numRuns: 30 },
    );
  });

  it('lets a query pass a queue of documents', async () => {
    const { engine, seen, step } = createStepEngine();
    const batcher = createBatcher({ engine, limits: roomy, batchTokens: 100, lingerMs: 0 });
    const documents = batcher.embed(
      Array.from({ length: 5 }, () => sequence(1, 100)),
      'batch',
    );
    await turn();
    const query = batcher.embed([sequence(7, 5)], 'interactive');
    step();
    await turn();
    expect(seen[1]?.ids[0]).toBe(7);
    for (let n = 0; n < 6; n++, await turn()) step();
    await Promise.all([documents, query]);
  });

  it('puts texts of similar length together', async () => {
    const { engine, seen } = createInstantEngine(1);
    const batcher = createBatcher({ engine, limits: roomy, batchTokens: 512, lingerMs: 1 });
    const mixed = Array.from({ length: 64 }, (_, n) => sequence(1, n % 2 === 0 ? 10 : 120));
    await batcher.embed(mixed, 'batch');
    const padded = seen.reduce((sum, { ids }) => sum + ids.length, 0);
    const real = mixed.reduce((sum, ids) => sum + ids.length, 0);
    expect(padded / real).toBeLessThan(1.1);
  });

  it('refuses what does not fit the queue and takes queries all the same', async () => {
    const { engine, step } = createStepEngine();
    const limits = { batchTokens: 200, interactiveTokens: 50 };
    const batcher = createBatcher({ engine, limits, batchTokens: 100, lingerMs: 0 });
    const first = batcher.embed([sequence(1, 100), sequence(2, 100), sequence(3, 100)], 'batch');
    await turn();
    await expect(batcher.embed([sequence(4, 100)], 'batch')).rejects.toBeInstanceOf(QueueFullError);
    const query = batcher.embed([sequence(5, 10)], 'interactive');
    for (let n = 0; n < 4; n++, await turn()) step();
    await Promise.all([first, query]);
  });

  it('forgets the texts of a caller who gave up', async () => {
    const { engine, seen, step } = createStepEngine();
    const batcher = createBatcher({ engine, limits: roomy, batchTokens: 100, lingerMs: 0 });
    const running = batcher.embed([sequence(1, 100)], 'batch');
    await turn();
    const leaving = new AbortController();
    const given = batcher.embed([sequence(2, 100)], 'batch', leaving.signal);
    leaving.abort();
    await expect(given).rejects.toThrow();
    expect(batcher.queuedTokens.batch).toBe(0);
    step();
    await running;
    await turn();
    expect(seen).toHaveLength(1);
  });

  it('fails only the texts of a batch that failed', async () => {
    const { engine } = createInstantEngine(1);
    let failures = 1;
    const flaky: InferenceEngine = {
      ...engine,
      run: (lane, batch) => (failures-- > 0 ? Promise.reject(new Error('lost')) : engine.run(lane, batch)),
    };
    const batcher = createBatcher({ engine: flaky, limits: roomy, lingerMs: 0 });
    await expect(batcher.embed([sequence(1, 5)], 'batch')).rejects.toThrow('lost');
    expect(await batcher.embed([sequence(2, 5)], 'batch')).toHaveLength(1);
  });

  it('computes with no more lanes at once than there are cores, however many models there are', async () => {
    const cores = createCores(1);
    const [one, other] = [createStepEngine(2), createStepEngine(2)];
    const batchers = [one, other].map(({ engine }) =>
      createBatcher({ engine, limits: roomy, batchTokens: 100, lingerMs: 0 }, cores),
    );
    const documents = [0, 1, 2].map((n) => sequence(n + 1, 100));
    const calls = batchers.map((batcher) => batcher.embed(documents, 'batch'));
    await turn();
    const query = batchers[1]?.embed([sequence(9, 3)], 'interactive');
    const order: number[] = [];
    for (let computed = 0; computed < 7; computed++) {
      expect(one.seen.length + other.seen.length).toBe(computed + 1);
      order.push(other.seen.length);
      one.step();
      other.step();
      await turn();
    }
    await Promise.all([...calls, query]);
    // The query passes what other models have waiting too, and no model waits for the end of another's work.
    expect(other.seen[0]?.ids[0]).toBe(9);
    expect(order.indexOf(1)).toBe(1);
    expect(order.indexOf(2)).toBeLessThan(5);
  });

  it('lets documents go on under queries without end', async () => {
    const { engine, seen, step } = createStepEngine();
    const batcher = createBatcher({ engine, limits: roomy, batchTokens: 10, lingerMs: 0 });
    const queries = Array.from({ length: 40 }, () => batcher.embed([sequence(7, 10)], 'interactive'));
    const document = batcher.embed([sequence(1, 10)], 'batch');
    for (let n = 0; n < 41; n++, await turn()) step();
    await Promise.all([...queries, document]);
    expect(seen.findIndex(({ ids }) => ids[0] === 1)).toBeLessThan(12);
  });
});
