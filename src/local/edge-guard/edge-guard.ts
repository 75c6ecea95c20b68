import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerOptions } from 'miniflare';
import { z } from 'zod';
import { type HeapWatch, watchHeaps } from './heap-watch.ts';
import type { Rule } from './worker-guard.ts';

/** What the platform would not have let happen; the message lists it. */
export class EdgeViolation extends Error {
  override name = 'EdgeViolation';
}

export interface EdgeGuard {
  /** How miniflare is told of a Worker: its bundle, behind the guard. */
  script(bundlePath: string, isEntry: boolean): Promise<WorkerOptions>;
  /** Looks for reports in what a runtime prints. */
  listen(output: Readable): void;
  /** Samples the memory of each isolate of a runtime. */
  watch(inspector: URL): Promise<void>;
  /** Before the runtimes go: miniflare throws away what is still in their pipes. */
  drain(): Promise<void>;
  /** @throws EdgeViolation when there was any since the start */
  finish(): Promise<string>;
}

const RULES: readonly Rule[] = ['pbkdf2', 'eval', 'wasm', 'connections', 'body', 'waited'];
const reportSchema = z.object({ mark: z.literal('edge-guard'), rule: z.enum(RULES), detail: z.string() });
/** By name, this import goes past the guard, which can only exchange what the module object holds. */
const UNSEEN_PBKDF2 = /import\s*\{[^}]*\bpbkdf2(Sync)?\b[^}]*\}\s*from\s*["'](node:)?crypto["']/;
const SHOWN = 20;
/** What a runtime has printed is in a pipe that this process reads as soon as it has nothing else to do. */
const DRAIN_MS = 500;

/** Makes local workerd forbid what Cloudflare forbids (docs/testing.md says what cannot be). */
export function createEdgeGuard(): EdgeGuard {
  const violations: string[] = [];
  const heaps: HeapWatch[] = [];
  let waits = 0;
  const note = (line: string) => {
    const report = parseReport(line);
    if (report === undefined) return;
    // The platform lets it wait as well: no fault, but worth a look.
    if (report.rule === 'waited') waits += 1;
    else violations.push(`${report.rule}: ${report.detail}`);
  };
  return {
    async script(bundlePath, isEntry) {
      const folder = dirname(bundlePath);
      const bundle = await readFile(bundlePath, 'utf8');
      if (UNSEEN_PBKDF2.test(bundle)) violations.push(`pbkdf2: ${bundlePath} imports it from node:crypto`);
      const guard = await readFile(join(import.meta.dirname, 'worker-guard.ts'), 'utf8');
      const entry = `import { guardWorker } from './worker-guard.js';
        import worker from './index.js';
        export default guardWorker(worker, ${isEntry});`;
      const files = {
        'guarded.js': entry,
        'worker-guard.js': stripTypeScriptTypes(guard),
        'index.js': bundle,
      };
      return {
        modulesRoot: folder,
        modules: Object.entries(files).map(([name, contents]) => ({
          type: 'ESModule',
          path: join(folder, name),
          contents,
        })),
      };
    },
    listen(output) {
      createInterface({ input: output }).on('line', note);
    },
    async watch(inspector) {
      heaps.push(await watchHeaps(inspector));
    },
    drain: () => sleep(DRAIN_MS),
    async finish() {
      const samples = (await Promise.all(heaps.map((heap) => heap.stop()))).flat();
      violations.push(...samples.flatMap(({ violation }) => violation ?? []));
      const peaks = samples.map(({ name, peakBytes }) => `${name} ${Math.ceil(peakBytes / 1024 ** 2)} MiB`);
      const summary = `edge guard: most memory ${peaks.join(', ')}; ${waits} connections had to wait`;
      if (violations.length === 0) return summary;
      const shown = [...new Set(violations)].slice(0, SHOWN);
      throw new EdgeViolation(
        `${violations.length} times the platform would have refused:\n${shown.join('\n')}\n${summary}`,
      );
    },
  };
}

function parseReport(line: string): z.infer<typeof reportSchema> | undefined {
  const start = line.indexOf('{"mark":"edge-guard"');
  if (start < 0) return undefined;
  try {
    return reportSchema.parse(JSON.parse(line.slice(start)));
  } catch {
    return undefined;
  }
}
