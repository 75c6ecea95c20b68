import {
  type BufferedRequest,
  type JsonReply,
  jsonReply,
  sameSecret,
  startJsonServer,
} from '../http-server.ts';
import type { RunningService } from '../process.ts';
import { mailSchema } from './mail.ts';
import type { Outbox } from './outbox.ts';
import { outboxPage, PAGE_HEADERS } from './page.ts';

const MAX_BODY_BYTES = 1024 * 1024;
/** A page elsewhere whose name points to this machine has another name in `Host` (DNS rebinding). */
const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

export interface MailFrontOptions {
  readonly outbox: Outbox;
  readonly host: string;
  readonly port: number;
  readonly apiKey: string;
}

/** A provider that sends nothing: `POST /emails` in Resend's wire format; `GET /` and `GET /messages` show what came. */
export function startMailFront(options: MailFrontOptions): Promise<RunningService> {
  return startJsonServer({
    host: options.host,
    port: options.port,
    maxBodyBytes: MAX_BODY_BYTES,
    maxBufferedBytes: 16 * MAX_BODY_BYTES,
    handle: (request) => route(options, request),
  });
}

async function route(options: MailFrontOptions, request: BufferedRequest): Promise<JsonReply> {
  if (!LOOPBACK.test(request.headers.host ?? '')) return refusal(403, 'invalid_host');
  switch (`${request.method} ${request.path}`) {
    case 'GET /healthz':
      return jsonReply(200, { status: 'ok' });
    case 'GET /':
      return { status: 200, body: outboxPage(options.outbox.list()), headers: PAGE_HEADERS };
    case 'GET /messages': {
      const messages = options.outbox.list(request.query.get('to') ?? undefined);
      return { ...jsonReply(200, { messages }), headers: { 'Cache-Control': 'no-store' } };
    }
    case 'POST /emails':
      return take(options, request);
    default:
      return refusal(404, 'not_found');
  }
}

async function take(options: MailFrontOptions, { headers, body }: BufferedRequest): Promise<JsonReply> {
  if (!sameSecret(headers.authorization ?? '', `Bearer ${options.apiKey}`))
    return refusal(401, 'invalid_api_key');
  const mail = mailSchema.safeParse(parse(body));
  if (!mail.success) return refusal(422, 'validation_error');
  const key = headers['idempotency-key'];
  return jsonReply(200, { id: await options.outbox.add(mail.data, key === undefined ? key : String(key)) });
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const refusal = (statusCode: number, name: string): JsonReply =>
  jsonReply(statusCode, { statusCode, name, message: name });
