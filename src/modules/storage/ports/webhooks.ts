import type { AuditEntry } from '../../../core/security/audit.ts';
import type { DeliveriesQuery, Delivery, UpdateWebhook, Webhook, WebhooksQuery } from '../models/webhooks.ts';

/** Every function looks, in the statement of its effect, whether the user manages the drive. */
export interface WebhookRepository {
  insert(
    userId: string,
    webhook: {
      readonly id: string;
      readonly driveId: string;
      readonly url: string;
      readonly events: readonly string[];
      readonly sealedSecret: string;
    },
    limit: number,
    audit: AuditEntry,
  ): Promise<Webhook | 'drive_not_found' | 'role_required' | 'too_many_webhooks'>;
  find(userId: string, id: string): Promise<Webhook | undefined>;
  list(userId: string, query: Omit<WebhooksQuery, 'limit'>, limit: number): Promise<Webhook[]>;
  /** Who switches it on again begins with no failures. */
  update(userId: string, id: string, change: UpdateWebhook, audit: AuditEntry): Promise<Webhook | undefined>;
  delete(userId: string, id: string, audit: AuditEntry): Promise<boolean>;
  sealedSecret(userId: string, id: string): Promise<string | undefined>;
  /** False when it is not `from` any more. */
  replaceSecret(userId: string, id: string, from: string, to: string, audit: AuditEntry): Promise<boolean>;
  deliveries(
    userId: string,
    webhookId: string,
    query: Omit<DeliveriesQuery, 'limit'>,
    limit: number,
  ): Promise<Delivery[]>;
  /** A delivery that no event caused. */
  insertTest(
    userId: string,
    webhookId: string,
    deliveryId: string,
    type: string,
  ): Promise<Delivery | undefined>;
  /** As if it had never been tried. */
  replay(userId: string, webhookId: string, deliveryId: string): Promise<Delivery | undefined>;
}

export interface DueDelivery {
  readonly id: string;
  readonly webhookId: string;
  readonly url: string;
  readonly sealedSecret: string;
  readonly payload: unknown;
  /** This one counted. */
  readonly attempts: number;
  readonly leaseToken: string;
  /** Who made the webhook may still manage the drive. */
  readonly speaks: boolean;
}

export type DeliveryOutcome =
  | { readonly kind: 'delivered'; readonly status: number }
  /** To be tried again, after a while. */
  | {
      readonly kind: 'failed';
      readonly status: number | null;
      readonly error: string;
      readonly retryAfterSeconds: number;
    }
  /** Not again; and the end of the webhook, with this reason, if so many attempts in a row have failed. */
  | {
      readonly kind: 'given-up';
      readonly status: number | null;
      readonly error: string;
      readonly offAfterFailures: number;
      readonly reason: string;
    }
  /** It could not be tried; nobody's fault. */
  | { readonly kind: 'postponed'; readonly error: string; readonly retryAfterSeconds: number };

/** The way of events to webhooks; nobody asks for it, so nobody's rights but those of the webhooks' makers count. */
export interface DeliveryRepository {
  /** Turns the next events into deliveries, each exactly once. @returns how far it came: true when there is more */
  dispatch(limit: number): Promise<boolean>;
  /** Leases the most urgent delivery, none of a webhook that is being served; working receivers come first. */
  claim(leaseToken: string, leaseSeconds: number): Promise<DueDelivery | undefined>;
  /** Nothing happens when the lease was lost. */
  settle(delivery: DueDelivery, outcome: DeliveryOutcome, audit: AuditEntry): Promise<void>;
  /** Deletes what is older. */
  trim(olderThanDays: number, limit: number): Promise<void>;
  secretsNotUnder(prefix: string, limit: number): Promise<{ id: string; sealedSecret: string }[]>;
  reseal(webhookId: string, from: string, to: string): Promise<void>;
}

/** Sends one signed request; never to where a user must not lead us. */
export interface WebhookSender {
  /** Why this URL can never be one. */
  refusal(url: string): string | undefined;
  send(request: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }): Promise<
    | { readonly kind: 'answered'; readonly status: number }
    | { readonly kind: 'unreachable' | 'refused' | 'unknown'; readonly error: string }
  >;
}
