const TIMEOUT_MS = 2_000;

/** @throws Error when the sidecar does not say that it is alive; whether its models are there is another question */
export async function checkSidecar(url: string): Promise<void> {
  const answer = await fetch(new URL('/healthz', url), { signal: AbortSignal.timeout(TIMEOUT_MS) });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
}
