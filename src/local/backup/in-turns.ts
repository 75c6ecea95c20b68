/** At most `most` at a time; the first failure ends it, when those that have begun have come to their end. */
export async function inTurns<T>(
  items: Iterable<T> | AsyncIterable<T>,
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  for await (const item of items) {
    if (failure) break;
    const turn: Promise<void> = work(item)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => running.delete(turn));
    running.add(turn);
    if (running.size >= most) await Promise.race(running);
  }
  await Promise.all(running);
  if (failure) throw failure.error;
}
