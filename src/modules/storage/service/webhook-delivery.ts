import type { Keyring } from '../../../core/security/keyring.ts';
import { webhookSignature } from '../../../core/security/webhook-signature.ts';
import { sealedAs, webhookSecretsSchema } from '../models/webhooks.ts';
import type { DeliveryOutcome, DeliveryRepository, DueDelivery, WebhookSender } from '../ports/webhooks.ts';

const EVENTS_AT_ONCE = 500;
const MAX_DISPATCHES = 20;
/** Of the six connections that a Worker has, some are for the database. */
const LANES = 4;
/** No delivery begins later in a run; a Worker may work for 30 s after its answer. */
const RUN_MS = 15_000;
/** Longer than a look and a request together. */
const LEASE_SECONDS = 60;
/** After the first attempt, the second and so on: 8 attempts in about 35 hours. */
const PAUSES_SECONDS = [5, 60, 300, 1_800, 7_200, 28_800, 86_400] as const;
const JITTER = 0.2;
const RESOLVER_PAUSE_SECONDS = 60;
/** A delivery that used up its attempts ends the webhook when none of so many in a row got through. */
const OFF_AFTER_FAILURES = 20;
const GONE = 410;
const UPKEEP_ROWS = 1_000;
const RESEALED_AT_ONCE = 50;

export interface WebhookDeliveryDependencies {
  readonly deliveries: DeliveryRepository;
  readonly sender: Pick<WebhookSender, 'send'>;
  readonly keyring: Pick<Keyring, 'seal' | 'open' | 'currentPrefix'>;
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  readonly newToken: () => string;
  readonly keepDays: number;
}

export interface WebhookDelivery {
  /** Events become deliveries, and what is due is sent, several at once and one of each webhook. */
  run(): Promise<void>;
  /** What is old is deleted, secrets are sealed under the current key. */
  upkeep(): Promise<void>;
}

/** The way of events to webhooks: at least once, and never twice under different ids. */
export function createWebhookDelivery(dependencies: WebhookDeliveryDependencies): WebhookDelivery {
  const { deliveries, sender, keyring, now, random, newToken, keepDays } = dependencies;

  async function lane(until: number): Promise<void> {
    while (now() < until) {
      const due = await deliveries.claim(newToken(), LEASE_SECONDS);
      if (due === undefined) return;
      await deliveries.settle(due, await attempt(due), {
        actor: { kind: 'system' },
        action: 'webhook.disable',
        object: { kind: 'webhook', id: due.webhookId },
        result: 'success',
      });
    }
  }

  async function attempt(due: DueDelivery): Promise<DeliveryOutcome> {
    if (!due.speaks) {
      const reason = 'Who made it may not manage the drive any more.';
      return { kind: 'given-up', status: null, error: reason, offAfterFailures: 0, reason };
    }
    const body = JSON.stringify(due.payload);
    const sent = await sender.send({ url: due.url, headers: await headersOf(due, body), body });
    if (sent.kind === 'answered') return outcomeOf(due, sent.status);
    if (sent.kind === 'unknown')
      return { kind: 'postponed', error: sent.error, retryAfterSeconds: RESOLVER_PAUSE_SECONDS };
    if (sent.kind === 'refused')
      return { kind: 'given-up', status: null, error: sent.error, offAfterFailures: 0, reason: sent.error };
    return failure(due, null, sent.error);
  }

  function outcomeOf(due: DueDelivery, status: number): DeliveryOutcome {
    if (status >= 200 && status < 300) return { kind: 'delivered', status };
    const error = `answered ${status}${status >= 300 && status < 400 ? '; redirects are not followed' : ''}`;
    return status === GONE
      ? { kind: 'given-up', status, error, offAfterFailures: 0, reason: 'The receiver answered 410.' }
      : failure(due, status, error);
  }

  function failure(due: DueDelivery, status: number | null, error: string): DeliveryOutcome {
    const pause = PAUSES_SECONDS[due.attempts - 1];
    if (pause === undefined) {
      const reason = `None of the last ${OFF_AFTER_FAILURES} attempts got through.`;
      return { kind: 'given-up', status, error, offAfterFailures: OFF_AFTER_FAILURES, reason };
    }
    const retryAfterSeconds = pause * (1 - JITTER + 2 * JITTER * random());
    return { kind: 'failed', status, error, retryAfterSeconds };
  }

  async function headersOf(due: DueDelivery, body: string): Promise<Record<string, string>> {
    const sealed = await keyring.open(sealedAs(due.webhookId), due.sealedSecret);
    const { current, previous, previousUntil } = webhookSecretsSchema.parse(JSON.parse(sealed));
    const secrets = previous !== null && previousUntil > now() ? [current, previous] : [current];
    const timestampSeconds = Math.floor(now() / 1_000);
    return {
      'content-type': 'application/json',
      'user-agent': 'AI-Cloud-Storage-Webhooks/1',
      'webhook-id': due.id,
      'webhook-timestamp': String(timestampSeconds),
      'webhook-signature': await webhookSignature(secrets, { id: due.id, timestampSeconds, body }),
    };
  }

  return {
    async run() {
      for (let turn = 0; turn < MAX_DISPATCHES; turn += 1)
        if (!(await deliveries.dispatch(EVENTS_AT_ONCE))) break;
      const until = now() + RUN_MS;
      const lanes = await Promise.allSettled(Array.from({ length: LANES }, () => lane(until)));
      const failed = lanes.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },

    async upkeep() {
      await deliveries.trim(keepDays, UPKEEP_ROWS);
      for (const { id, sealedSecret } of await deliveries.secretsNotUnder(
        keyring.currentPrefix,
        RESEALED_AT_ONCE,
      )) {
        const opened = await keyring.open(sealedAs(id), sealedSecret);
        await deliveries.reseal(id, sealedSecret, await keyring.seal(sealedAs(id), opened));
      }
    },
  };
}
