/** A body whose pieces are made when the reader asks for them, and no longer once it has gone. */
export function streamText(pieces: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (;;) {
        const next = await pieces.next();
        if (next.done) return controller.close();
        if (next.value !== '') return controller.enqueue(encoder.encode(next.value));
      }
    },
    async cancel() {
      await pieces.return(undefined);
    },
  });
}
