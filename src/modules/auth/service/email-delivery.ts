import type { Keyring } from '../../../core/security/keyring.ts';
import { describeError, type Logger } from '../../../core/telemetry/logger.ts';
import type { EmailRepository, LeasedEmail, Mailer, MailOutcome } from '../ports/emails.ts';
import { renderEmail } from './email-templates.ts';
import { emailContext, envelopeSchema } from './emails.ts';

export interface EmailDelivery {
  /** Sends what is due. Never throws: what did not leave stays in the outbox and is tried again. */
  deliver(): Promise<void>;
  cleanUp(): Promise<void>;
}

const BATCH = 20;
/** A Worker has six connections; the database wants one of them. */
const AT_ONCE = 4;
/** More than a batch can take, with every call timing out: while it lasts the e-mails are this dispatcher's alone. */
const FIRST_DELAY_SECONDS = 60;
const MAX_DELAY_SECONDS = 3_600;
/** Over about four hours. */
const MAX_ATTEMPTS = 10;
const MAX_ROUNDS = 10;
const KEPT_DAYS = 30;

export function createEmailDelivery(dependencies: {
  readonly repository: EmailRepository;
  readonly keyring: Keyring;
  readonly mailer: Mailer;
  readonly logger: Logger;
}): EmailDelivery {
  const { repository, keyring, mailer, logger } = dependencies;

  async function attempt({ id, sealedMessage }: LeasedEmail): Promise<MailOutcome> {
    let text: string;
    try {
      text = await keyring.open(emailContext(id), sealedMessage);
    } catch (error) {
      // A key that is missing from the configuration can come back.
      return { outcome: 'retry', reason: describeError(error) };
    }
    try {
      const { to, message } = envelopeSchema.parse(JSON.parse(text));
      return await mailer.send({ id, to, ...renderEmail(message) });
    } catch (error) {
      return { outcome: 'refused', reason: `could not be rendered: ${describeError(error)}` };
    }
  }

  async function dispatch(email: LeasedEmail): Promise<MailOutcome['outcome']> {
    const result = await attempt(email);
    if (result.outcome === 'sent') {
      await repository.markSent(email.id);
      return 'sent';
    }
    const isLast = result.outcome === 'refused' || email.attempts >= MAX_ATTEMPTS;
    logger[isLast ? 'error' : 'warn']('e-mail not sent', {
      email: email.id,
      template: email.template,
      attempts: email.attempts,
      reason: result.reason,
      givenUp: isLast,
    });
    await (isLast
      ? repository.markFailed(email.id, result.reason)
      : repository.noteReason(email.id, result.reason));
    return result.outcome;
  }

  /** True when there may be more, and the provider takes what it gets. */
  async function round(): Promise<boolean> {
    const leased = await repository.lease({
      limit: BATCH,
      firstDelaySeconds: FIRST_DELAY_SECONDS,
      maxDelaySeconds: MAX_DELAY_SECONDS,
    });
    const outcomes: MailOutcome['outcome'][] = [];
    for (let start = 0; start < leased.length; start += AT_ONCE)
      outcomes.push(...(await Promise.all(leased.slice(start, start + AT_ONCE).map(dispatch))));
    return leased.length === BATCH && !outcomes.includes('retry');
  }

  return {
    async deliver() {
      try {
        for (let rounds = 1; (await round()) && rounds < MAX_ROUNDS; ) rounds += 1;
      } catch (error) {
        logger.error('outbox not delivered', { error: describeError(error) });
      }
    },
    cleanUp: () => repository.cleanUp({ maxAttempts: MAX_ATTEMPTS, days: KEPT_DAYS }),
  };
}
