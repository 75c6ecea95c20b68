import type { Database } from '../../../core/database/client.ts';
import { newId } from '../../../core/database/columns.ts';
import { sleep } from '../../../core/resilience/sleep.ts';
import { createDestinations, createHttpsResolver } from '../../../core/security/destinations.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import { newWebhookSecret } from '../../../core/security/webhook-signature.ts';
import { createWebhookSender } from '../adapters/webhook-sender.ts';
import type { StorageConfig } from '../config.ts';
import type { MaintenanceTask } from '../maintenance.ts';
import type { FileRepository } from '../ports/files.ts';
import { createChangeRepository } from '../repository/changes.ts';
import { createDeliveryRepository } from '../repository/webhook-deliveries.ts';
import { createWebhookRepository } from '../repository/webhooks.ts';
import { type ChangeService, createChangeService } from '../service/changes.ts';
import { createWebhookDelivery } from '../service/webhook-delivery.ts';
import { createWebhookService, type WebhookService } from '../service/webhooks.ts';

/** The change feed and webhooks: how others learn what happens here. */
export interface Telling {
  readonly changes: ChangeService;
  readonly webhooks: WebhookService;
  readonly maintenance: readonly MaintenanceTask[];
}

export function createTelling(
  config: StorageConfig,
  db: Database,
  keyring: Keyring,
  files: FileRepository,
): Telling {
  const keepDays = config.OUTBOX_DAYS;
  const sender = createWebhookSender(
    createDestinations({
      resolve: createHttpsResolver(config.DNS_RESOLVER_URL),
      allowedHosts: config.WEBHOOK_ALLOWED_HOSTS,
      ownHosts: ownHosts(config),
    }),
  );
  const changes = createChangeService({
    changes: createChangeRepository(db),
    files,
    now: Date.now,
    sleep,
    keepDays,
  });
  const delivery = createWebhookDelivery({
    deliveries: createDeliveryRepository(db),
    sender,
    keyring,
    now: Date.now,
    random: Math.random,
    newToken: () => crypto.randomUUID(),
    keepDays,
  });
  const webhooks = createWebhookService({
    webhooks: createWebhookRepository(db),
    sender,
    keyring,
    newId,
    newSecret: newWebhookSecret,
    now: Date.now,
  });
  return {
    changes,
    webhooks,
    maintenance: [
      { name: 'old events', run: changes.trim },
      { name: 'webhook upkeep', run: delivery.upkeep },
      // Last of all: it waits for strangers.
      { name: 'webhooks', run: delivery.run, afterWrites: true },
    ],
  };
}

function ownHosts(config: StorageConfig): string[] {
  const urls = [
    config.AUTH_ISSUER,
    config.S3_ENDPOINT,
    config.SIDECAR_URL,
    config.DATABASE_URL,
    config.DATABASE_FETCH_ENDPOINT,
    config.UPSTASH_REDIS_REST_URL,
    config.DNS_RESOLVER_URL,
  ];
  return urls.flatMap((url) => (url === undefined ? [] : [new URL(url).hostname]));
}
