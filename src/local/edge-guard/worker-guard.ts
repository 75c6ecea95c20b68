import { AsyncLocalStorage } from 'node:async_hooks';
import nodeCrypto from 'node:crypto';

// Runs inside a Worker, ahead of its bundle: makes local workerd refuse what Cloudflare refuses. Types are stripped from
// the text of this file (edge-guard.ts), so it imports nothing of ours.
// Limits: developers.cloudflare.com/workers/platform/limits, and runtime-apis/web-standards for code from strings.

export interface Report {
  readonly mark: 'edge-guard';
  readonly rule: Rule;
  readonly detail: string;
}
export type Rule = 'pbkdf2' | 'eval' | 'wasm' | 'connections' | 'body' | 'waited';

interface Worker {
  fetch?(request: Request, env: object, ctx: object): Promise<Response> | Response;
  queue?(batch: object, env: object, ctx: object): Promise<void>;
  scheduled?(controller: object, env: object, ctx: object): Promise<void>;
}

interface Invocation {
  open: number;
  readonly waiting: (() => void)[];
}

/** No library of types that is in use here has all of it. */
declare const WebAssembly: {
  readonly CompileError: new (message: string) => Error;
  readonly Module: new () => object;
  readonly instantiate: (source: object, imports?: object) => Promise<unknown>;
};

const MAX_ITERATIONS = 100_000;
const MAX_BODY_BYTES = 100 * 1000 * 1000;
/** Of one invocation, until their headers are there; a further one waits. */
const MAX_CONNECTIONS = 6;
/** One that waits for so long waits for itself: those ahead of it end only after it. */
const STUCK_MS = 20_000;

const invocations = new AsyncLocalStorage<Invocation>();

function report(rule: Rule, detail: string): void {
  console.error(JSON.stringify({ mark: 'edge-guard', rule, detail } satisfies Report));
}

function refuse(rule: Rule, error: Error): never {
  report(rule, error.message);
  throw error;
}

function replace(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
}

function forbidCodeFromStrings(): void {
  const refuseCode = () => refuse('eval', new EvalError('Code generation from strings disallowed'));
  replace(globalThis, 'eval', refuseCode);
  const kinds = [() => {}, async () => {}, function* () {}, async function* () {}];
  for (const { constructor: Maker } of kinds) {
    const refusing = new Proxy(Maker, { apply: refuseCode, construct: refuseCode });
    // It is reached by its name and through every function.
    replace(Maker.prototype, 'constructor', refusing);
    if (Maker === Function) replace(globalThis, 'Function', refusing);
  }
}

function forbidWasmFromBytes(): void {
  const refuseWasm = () =>
    refuse('wasm', new WebAssembly.CompileError('Wasm code generation disallowed by embedder'));
  const { instantiate, Module } = WebAssembly;
  replace(WebAssembly, 'compile', async () => refuseWasm());
  replace(WebAssembly, 'compileStreaming', async () => refuseWasm());
  replace(WebAssembly, 'instantiateStreaming', async () => refuseWasm());
  // One that came with the deployment is a Module already.
  replace(WebAssembly, 'instantiate', async (source: object, imports?: object) =>
    source instanceof Module ? instantiate(source, imports) : refuseWasm(),
  );
  replace(WebAssembly, 'Module', new Proxy(Module, { construct: refuseWasm }));
}

function limitIterations(): void {
  const check = (iterations: unknown) => {
    if (Number(iterations) <= MAX_ITERATIONS) return;
    const message = `Pbkdf2 failed: iteration counts above ${MAX_ITERATIONS} are not supported (requested ${iterations})`;
    refuse('pbkdf2', new DOMException(message, 'NotSupportedError'));
  };
  for (const name of ['deriveBits', 'deriveKey'] as const) {
    const original = crypto.subtle[name].bind(crypto.subtle);
    replace(crypto.subtle, name, async (...args: Parameters<typeof original>) => {
      const [algorithm] = args;
      if (typeof algorithm === 'object' && 'iterations' in algorithm) check(algorithm.iterations);
      return Reflect.apply(original, undefined, args);
    });
  }
  for (const name of ['pbkdf2', 'pbkdf2Sync'] as const) {
    const original = nodeCrypto[name];
    replace(nodeCrypto, name, (...args: Parameters<typeof original>) => {
      check(args[2]);
      return Reflect.apply(original, nodeCrypto, args);
    });
  }
}

function limitConnections(): void {
  const original = globalThis.fetch;
  replace(globalThis, 'fetch', async (...args: Parameters<typeof fetch>) => {
    const invocation = invocations.getStore();
    if (invocation === undefined) return original(...args);
    if (invocation.open >= MAX_CONNECTIONS) await turn(invocation);
    else invocation.open += 1;
    try {
      return await original(...args);
    } finally {
      const next = invocation.waiting.shift();
      // A place that is handed on stays taken.
      if (next) next();
      else invocation.open -= 1;
    }
  });
}

async function turn(invocation: Invocation): Promise<void> {
  report('waited', `a connection waited for one of ${MAX_CONNECTIONS}`);
  const timer = setTimeout(
    () => report('connections', `a connection waited for ${STUCK_MS} ms for one of ${MAX_CONNECTIONS}`),
    STUCK_MS,
  );
  await new Promise<void>((resolve) => invocation.waiting.push(resolve));
  clearTimeout(timer);
}

/** What Cloudflare answers before the Worker is asked. */
function tooLarge(): Response {
  return new Response('413 Payload Too Large', { status: 413, headers: { connection: 'close' } });
}

/** A body of unknown length breaks off where the platform would break it off. */
function counted(request: Request): Request {
  if (request.body === null || request.headers.has('content-length')) return request;
  let bytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes <= MAX_BODY_BYTES) return controller.enqueue(chunk);
      report('body', `a body without Content-Length had more than ${MAX_BODY_BYTES} bytes`);
      controller.error(new Error('The request body is too large.'));
    },
  });
  return new Request(request, { body: request.body.pipeThrough(counter) });
}

/** The Worker under the limits of the platform. `isEntry`: requests come to it from outside. */
export function guardWorker(worker: Worker, isEntry: boolean): Worker {
  const alone = <T>(work: () => T): T => invocations.run({ open: 0, waiting: [] }, work);
  const { fetch: answer, queue, scheduled } = worker;
  return {
    ...(answer && {
      fetch(request: Request, env: object, ctx: object) {
        if (!isEntry) return alone(() => answer.call(worker, request, env, ctx));
        if (Number(request.headers.get('content-length')) > MAX_BODY_BYTES) return tooLarge();
        return alone(() => answer.call(worker, counted(request), env, ctx));
      },
    }),
    ...(queue && { queue: (...args) => alone(() => queue.apply(worker, args)) }),
    ...(scheduled && { scheduled: (...args) => alone(() => scheduled.apply(worker, args)) }),
  };
}

forbidCodeFromStrings();
forbidWasmFromBytes();
limitIterations();
limitConnections();
