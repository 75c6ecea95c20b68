/**
 * Every one has its turn, whatever became of the others: what can never be done must not keep the rest from being done.
 * @throws what failed first, when all have had their turn
 */
export async function eachInTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items)
    await work(item).catch((error: unknown) => {
      failures.push(error);
    });
  if (failures.length > 0) throw failures[0];
}
