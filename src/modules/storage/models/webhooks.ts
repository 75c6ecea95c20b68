import { z } from '@hono/zod-openapi';
import { driveIdSchema, storageEventTypeSchema, timestampSchema } from '../../../contracts/storage.ts';
import { idPattern } from '../../../core/database/columns.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';

export const MAX_WEBHOOKS = 10;
export const MAX_URL_LENGTH = 2_000;
/** After a rotation what the secret was before signs too. */
export const SECRET_OVERLAP_HOURS = 24;
/** Of a webhook that is asked to try; no event of a file. */
export const TEST_TYPE = 'webhook.test';

export const webhookIdSchema = z.string().regex(idPattern('whk'), 'must be a webhook id, whk_…');
export const deliveryIdSchema = z.string().regex(idPattern('whd'), 'must be a delivery id, whd_…');

const urlSchema = plainTextSchema.max(MAX_URL_LENGTH);
const eventsSchema = z
  .array(storageEventTypeSchema)
  .max(storageEventTypeSchema.options.length)
  .transform((events) => [...new Set(events)]);

export const createWebhookSchema = z
  .strictObject({
    /** One's own unless told. */
    driveId: driveIdSchema.optional(),
    url: urlSchema,
    /** Types of events; none are all. */
    events: eventsSchema.default([]),
  })
  .openapi('CreateWebhook');
export type CreateWebhook = z.infer<typeof createWebhookSchema>;

export const updateWebhookSchema = z
  .strictObject({
    url: urlSchema.optional(),
    events: eventsSchema.optional(),
    active: z.boolean().optional(),
  })
  .refine(
    ({ url, events, active }) => url !== undefined || events !== undefined || active !== undefined,
    'must change url, events or active',
  )
  .openapi('UpdateWebhook');
export type UpdateWebhook = z.infer<typeof updateWebhookSchema>;

export const webhookSchema = z
  .object({
    id: webhookIdSchema,
    driveId: driveIdSchema,
    url: z.string(),
    events: z.array(storageEventTypeSchema),
    active: z.boolean(),
    /** Why it was switched off. */
    reason: z.string().nullable(),
    /** Attempts in a row that did not get through. */
    failures: z.int().nonnegative(),
    createdBy: z.string(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .openapi('Webhook');
export type Webhook = z.infer<typeof webhookSchema>;

/** The secret is shown once. */
export const newWebhookSchema = webhookSchema.extend({ secret: z.string() }).openapi('NewWebhook');
export type NewWebhook = z.infer<typeof newWebhookSchema>;

export const webhookPageSchema = z.object({
  items: z.array(webhookSchema),
  nextCursor: z.string().nullable(),
});
export const webhooksQuerySchema = z.object({
  driveId: driveIdSchema.optional(),
  cursor: webhookIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type WebhooksQuery = z.infer<typeof webhooksQuerySchema>;

export const deliverySchema = z
  .object({
    /** Also the `webhook-id` of its requests, each time it is sent. */
    id: deliveryIdSchema,
    type: z.string(),
    state: z.enum(['pending', 'delivered', 'failed']),
    attempts: z.int().nonnegative(),
    nextAttemptAt: timestampSchema.nullable(),
    responseStatus: z.int().nullable(),
    error: z.string().nullable(),
    createdAt: timestampSchema,
    deliveredAt: timestampSchema.nullable(),
  })
  .openapi('WebhookDelivery');
export type Delivery = z.infer<typeof deliverySchema>;

export const deliveryPageSchema = z.object({
  items: z.array(deliverySchema),
  nextCursor: z.string().nullable(),
});
export const deliveriesQuerySchema = z.object({
  state: z.enum(['pending', 'delivered', 'failed']).optional(),
  cursor: deliveryIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type DeliveriesQuery = z.infer<typeof deliveriesQuerySchema>;

export const webhookParamsSchema = z.object({ id: webhookIdSchema });
export const deliveryParamsSchema = z.object({ id: webhookIdSchema, deliveryId: deliveryIdSchema });

/** What is sealed with a webhook. */
export const webhookSecretsSchema = z.object({
  current: z.string(),
  previous: z.string().nullable(),
  /** Milliseconds since the epoch. */
  previousUntil: z.number(),
});
export type WebhookSecrets = z.infer<typeof webhookSecretsSchema>;

export const sealedAs = (webhookId: string): string => `webhook ${webhookId}`;
