import { z } from 'zod';
import { createDependency } from '../../../core/resilience/dependency.ts';
import type { Mailer, MailOutcome } from '../ports/emails.ts';

const TIMEOUT_MS = 5_000;
/**
 * Refusals that are no fault of the e-mail and may pass: a wrong key or an unconfirmed domain (401, 403), the same id
 * on its way already (409), and what every client tries again.
 */
const PASSING = [401, 403, 408, 409, 429];
const problemSchema = z.object({ name: z.string().regex(/^[a-z0-9_]{1,60}$/i) });

/**
 * An HTTP API that takes e-mails in Resend's wire format (resend.com/docs/api-reference/emails/send-email). A
 * redirect is not followed: the key and the links in the text are for the configured host alone.
 */
export function createHttpMailer(options: {
  readonly endpoint: string;
  readonly apiKey: string;
  readonly from: string;
  readonly timeoutMs?: number;
}): Mailer {
  const provider = createDependency('email', { timeoutMs: options.timeoutMs ?? TIMEOUT_MS });
  return {
    async send({ id, to, subject, text, html }) {
      const init: RequestInit = {
        method: 'POST',
        redirect: 'manual',
        headers: {
          authorization: `Bearer ${options.apiKey}`,
          'content-type': 'application/json',
          'idempotency-key': id,
        },
        body: JSON.stringify({ from: options.from, to: [to], subject, text, html }),
      };
      try {
        return await outcomeOf(await provider.fetch(options.endpoint, init, { wholeAnswer: true }));
      } catch (error) {
        return { outcome: 'retry', reason: error instanceof Error ? error.message : 'no answer' };
      }
    },
  };
}

async function outcomeOf(response: Response): Promise<MailOutcome> {
  if (response.ok) return { outcome: 'sent' };
  const problem = problemSchema.safeParse(await response.json().catch(() => undefined));
  const reason = `HTTP ${response.status}${problem.success ? ` ${problem.data.name}` : ''}`;
  const isRefused = response.status >= 400 && response.status < 500 && !PASSING.includes(response.status);
  return { outcome: isRefused ? 'refused' : 'retry', reason };
}
