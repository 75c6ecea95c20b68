/** The part of `node:async_hooks` that the edge uses; native in workerd (compatibility flag `nodejs_compat`). */
declare module 'node:async_hooks' {
  export class AsyncLocalStorage<T> {
    run<R>(store: T, callback: () => R): R;
    getStore(): T | undefined;
  }
}
