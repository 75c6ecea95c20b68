import { z } from 'zod';
import { bodyOf, type Client } from './client.ts';
import type { Answer } from './guarantees.ts';

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
export const CALLBACK = 'https://client.example/callback';

const registeredSchema = z.looseObject({ client_id: z.string(), client_secret: z.string().optional() });

/** A public client that may do everything that clients may. */
export async function registerClient(
  api: Client,
  metadata: Readonly<Record<string, unknown>> = {},
): Promise<z.infer<typeof registeredSchema>> {
  const json = {
    client_name: 'Test program',
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token', DEVICE_GRANT],
    token_endpoint_auth_method: 'none',
    ...metadata,
  };
  return bodyOf(await api.call('POST', '/oauth/register', { json }), 201, registeredSchema);
}

export function postForm(api: Client, path: string, form: Readonly<Record<string, string>>): Promise<Answer> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return api.call('POST', path, { body: new URLSearchParams(form).toString(), headers, token: null });
}

export async function newDeviceCode(api: Client, clientId: string): Promise<string> {
  const answer = await postForm(api, '/oauth/device_authorization', { client_id: clientId });
  return bodyOf(answer, 200, z.looseObject({ device_code: z.string() })).device_code;
}
