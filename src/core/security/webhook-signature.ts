export const WEBHOOK_SECRET_PREFIX = 'whsec_';

/** A secret as receivers get it: the prefix and 32 random bytes in base64. */
export function newWebhookSecret(): string {
  return WEBHOOK_SECRET_PREFIX + toBase64(crypto.getRandomValues(new Uint8Array(32)));
}

/**
 * The header `webhook-signature` of Standard Webhooks: HMAC-SHA256 of `id.timestamp.body` under each secret
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 */
export async function webhookSignature(
  secrets: readonly string[],
  { id, timestampSeconds, body }: { id: string; timestampSeconds: number; body: string },
): Promise<string> {
  const message = new TextEncoder().encode(`${id}.${timestampSeconds}.${body}`);
  const signatures = secrets.map(async (secret) => {
    const bytes = Uint8Array.from(atob(secret.slice(WEBHOOK_SECRET_PREFIX.length)), (c) => c.charCodeAt(0));
    const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
    ]);
    return `v1,${toBase64(new Uint8Array(await crypto.subtle.sign('HMAC', key, message)))}`;
  });
  return (await Promise.all(signatures)).join(' ');
}

const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
