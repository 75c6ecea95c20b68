import type { AuditEntry } from '../../../core/security/audit.ts';
import { auditedAs } from '../../../core/security/audit.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { storageError } from '../errors.ts';
import {
  type CreateWebhook,
  type DeliveriesQuery,
  type Delivery,
  MAX_WEBHOOKS,
  type NewWebhook,
  SECRET_OVERLAP_HOURS,
  sealedAs,
  TEST_TYPE,
  type UpdateWebhook,
  type Webhook,
  type WebhooksQuery,
  webhookSecretsSchema,
} from '../models/webhooks.ts';
import type { WebhookRepository, WebhookSender } from '../ports/webhooks.ts';
import { pageOf } from './page.ts';

const MAX_ROTATION_TRIES = 5;

export interface WebhookServiceDependencies {
  readonly webhooks: WebhookRepository;
  readonly sender: Pick<WebhookSender, 'refusal'>;
  readonly keyring: Pick<Keyring, 'seal' | 'open'>;
  readonly newId: (prefix: 'whk' | 'whd') => string;
  readonly newSecret: () => string;
  readonly now: () => number;
}

export type WebhookService = ReturnType<typeof createWebhookService>;

/** Who wants to be told of what happens in a drive; only those who manage it see or change anything here. */
export function createWebhookService(dependencies: WebhookServiceDependencies) {
  const { webhooks, sender, keyring, newId, newSecret, now } = dependencies;

  function refuseUrl(url: string | undefined): void {
    const reason = url === undefined ? undefined : sender.refusal(url);
    if (reason !== undefined)
      throw storageError('webhook_url_refused', {
        detail: `The URL ${reason}.`,
        errors: [{ field: 'url', message: reason }],
      });
  }

  async function get(userId: string, id: string): Promise<Webhook> {
    const webhook = await webhooks.find(userId, id);
    if (webhook === undefined) throw storageError('webhook_not_found');
    return webhook;
  }

  async function active(userId: string, id: string): Promise<void> {
    if (!(await get(userId, id)).active)
      throw storageError('webhook_inactive', { detail: 'Switch it on first: PATCH with active true.' });
  }

  return {
    get,

    /** @throws AppError `webhook_url_refused`, `drive_not_found`, `role_required`, `too_many_webhooks` */
    async create(input: CreateWebhook, principal: Principal, caller: Caller): Promise<NewWebhook> {
      refuseUrl(input.url);
      const { userId } = principal;
      const [id, secret, driveId] = [newId('whk'), newSecret(), input.driveId ?? userId];
      const sealedSecret = await keyring.seal(sealedAs(id), secretsOf(secret, null, 0));
      const { url, events } = input;
      const entry = audited('create', id, driveId, principal, caller, { driveId, host: new URL(url).host });
      const made = await webhooks.insert(
        userId,
        { id, driveId, url, events, sealedSecret },
        MAX_WEBHOOKS,
        entry,
      );
      if (made === 'role_required')
        throw storageError(made, {
          detail: 'Webhooks need the role manager in the drive; yours is a lower one.',
        });
      if (typeof made === 'string') throw storageError(made);
      return { ...made, secret };
    },

    async list(userId: string, { limit, ...query }: WebhooksQuery) {
      return pageOf(await webhooks.list(userId, query, limit + 1), limit, ({ id }) => id);
    },

    async update(id: string, change: UpdateWebhook, principal: Principal, caller: Caller): Promise<Webhook> {
      refuseUrl(change.url);
      const { driveId } = await get(principal.userId, id);
      const changed = Object.keys(change).join(' ');
      const entry = audited('update', id, driveId, principal, caller, { changed });
      const updated = await webhooks.update(principal.userId, id, change, entry);
      if (updated === undefined) throw storageError('webhook_not_found');
      return updated;
    },

    async delete(id: string, principal: Principal, caller: Caller): Promise<void> {
      const { driveId } = await get(principal.userId, id);
      if (!(await webhooks.delete(principal.userId, id, audited('delete', id, driveId, principal, caller))))
        throw storageError('webhook_not_found');
    },

    /** The old secret signs too for a while, so that a receiver has time to change. */
    async rotateSecret(id: string, principal: Principal, caller: Caller): Promise<NewWebhook> {
      const { userId } = principal;
      const secret = newSecret();
      for (let tries = 0; tries < MAX_ROTATION_TRIES; tries += 1) {
        const webhook = await get(userId, id);
        const sealed = await webhooks.sealedSecret(userId, id);
        if (sealed === undefined) break;
        const { current } = webhookSecretsSchema.parse(JSON.parse(await keyring.open(sealedAs(id), sealed)));
        const until = now() + SECRET_OVERLAP_HOURS * 3_600_000;
        const next = await keyring.seal(sealedAs(id), secretsOf(secret, current, until));
        const entry = audited('rotate-secret', id, webhook.driveId, principal, caller);
        if (await webhooks.replaceSecret(userId, id, sealed, next, entry)) return { ...webhook, secret };
      }
      throw storageError('webhook_not_found');
    },

    /** @throws AppError `webhook_inactive` */
    async test(userId: string, id: string): Promise<Delivery> {
      await active(userId, id);
      return foundDelivery(
        await webhooks.insertTest(userId, id, newId('whd'), TEST_TYPE),
        'webhook_not_found',
      );
    },

    async deliveries(userId: string, id: string, { limit, ...query }: DeliveriesQuery) {
      await get(userId, id);
      return pageOf(
        await webhooks.deliveries(userId, id, query, limit + 1),
        limit,
        (delivery) => delivery.id,
      );
    },

    /** @throws AppError `webhook_inactive` */
    async replay(userId: string, id: string, deliveryId: string): Promise<Delivery> {
      await active(userId, id);
      return foundDelivery(await webhooks.replay(userId, id, deliveryId), 'delivery_not_found');
    },
  };
}

function foundDelivery(
  delivery: Delivery | undefined,
  code: 'webhook_not_found' | 'delivery_not_found',
): Delivery {
  if (delivery === undefined) throw storageError(code);
  return delivery;
}

const secretsOf = (current: string, previous: string | null, previousUntil: number): string =>
  JSON.stringify({ current, previous, previousUntil });

function audited(
  action: 'create' | 'update' | 'delete' | 'rotate-secret',
  id: string,
  driveId: string,
  principal: Principal,
  caller: Caller,
  details: NonNullable<AuditEntry['details']> = {},
): AuditEntry {
  return {
    ...auditedAs(principal, caller),
    action: `webhook.${action}`,
    object: { kind: 'webhook', id },
    workspaceId: driveId.startsWith('wsp_') ? driveId : null,
    result: 'success',
    details,
  };
}
