/** tar-stream ships no types; this is the part in use. */
declare module 'tar-stream' {
  import type { Readable, Writable } from 'node:stream';

  export interface TarHeader {
    name: string;
    type: string | null;
    size: number;
  }
  export interface Extract extends Writable {
    on(event: 'entry', listener: (header: TarHeader, content: Readable, next: () => void) => void): this;
    on(event: string, listener: (...values: never[]) => void): this;
  }
  export interface Pack extends AsyncIterable<Uint8Array> {
    entry(
      header: { name: string; type?: 'directory' | 'symlink' | 'link'; linkname?: string },
      content?: string,
    ): void;
    finalize(): void;
  }
  export function extract(): Extract;
  export function pack(): Pack;
}
