/** A body as it comes in: nothing that arrived is held back until a block is full, so that a break loses none of it. */
export interface Arrivals {
  /** Some bytes; undefined behind the last. A piece is good until the next call. */
  next(): Promise<Uint8Array | undefined>;
  cancel(reason: unknown): Promise<void>;
}

const LENT_BYTES = 256 * 1024;

/** @param idleMs nothing came for so long: the body ends with an error */
export function readArrivals(body: ReadableStream<Uint8Array>, idleMs: number): Arrivals {
  const { read, cancel } = lendingReader(body) ?? plainReader(body);
  return { next: () => withTimeout(read(), idleMs), cancel };
}

interface Reader {
  read(): Promise<Uint8Array | undefined>;
  cancel(reason: unknown): Promise<void>;
}

/** In workerd: one buffer that is lent to the body again and again, and few turns of JavaScript. */
function lendingReader(body: ReadableStream<Uint8Array>): Reader | undefined {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: 'byob' });
  } catch {
    return undefined;
  }
  let spare = new ArrayBuffer(LENT_BYTES);
  return {
    async read() {
      const { done, value } = await reader.read(new Uint8Array(spare));
      if (value?.buffer instanceof ArrayBuffer) spare = value.buffer;
      return done ? undefined : value;
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

function plainReader(body: ReadableStream<Uint8Array>): Reader {
  const reader = body.getReader();
  return {
    async read() {
      const { done, value } = await reader.read();
      return done ? undefined : value;
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

function withTimeout<T>(reading: Promise<T>, idleMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing came for ${idleMs} ms`)), idleMs);
    reading.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
