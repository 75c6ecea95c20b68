import type { Destinations } from '../../../core/security/destinations.ts';
import type { WebhookSender } from '../ports/webhooks.ts';

const TIMEOUT_MS = 10_000;

/** Plain `fetch`, with the look at where it leads before each request. Nothing of the answer is read but its status. */
export function createWebhookSender(destinations: Destinations): WebhookSender {
  return {
    refusal: (url) => destinations.refusal(url),
    async send({ url, headers, body }) {
      const destination = await destinations.look(url);
      if (destination.kind !== 'open')
        return {
          kind: destination.kind === 'unresolved' ? 'unreachable' : destination.kind,
          error: destination.reason,
        };
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers,
          body,
          // Where it leads has not been looked at.
          redirect: 'manual',
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        await response.body?.cancel().catch(() => undefined);
        return { kind: 'answered', status: response.status };
      } catch (error) {
        const late = error instanceof Error && error.name === 'TimeoutError';
        return {
          kind: 'unreachable',
          error: late ? `no answer within ${TIMEOUT_MS / 1_000} s` : 'no connection',
        };
      }
    },
  };
}
