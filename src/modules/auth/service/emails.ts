import { z } from 'zod';
import type { Keyring } from '../../../core/security/keyring.ts';
import type { EmailMessage } from '../models/emails.ts';
import type { EmailRepository, PreparedEmail } from '../ports/emails.ts';

export interface Emails {
  /** Puts an e-mail into the outbox; it leaves a moment later, and again until the provider has taken it. */
  send(to: string, message: EmailMessage): Promise<void>;
  /** An e-mail for the outbox that is not in it yet: its row goes into the statement of its cause. */
  prepare(to: string, message: EmailMessage): Promise<PreparedEmail>;
  /**
   * How many were prepared since the start. A request during which it rose looks into the outbox after its answer;
   * that two requests at once both look does no harm.
   */
  prepared(): number;
}

/** What is sealed; only this module can have written what opens, so the message is not taken apart again. */
export const envelopeSchema = z.object({
  to: z.string(),
  message: z.custom<EmailMessage>((value) => typeof value === 'object' && value !== null),
});

/** What the text of an e-mail is sealed under. */
export const emailContext = (id: string) => `email ${id}`;

export function createEmails(dependencies: {
  readonly repository: EmailRepository;
  readonly keyring: Keyring;
  readonly newId: (prefix: 'eml') => string;
}): Emails {
  const { repository, keyring, newId } = dependencies;
  let count = 0;
  const prepare = async (to: string, message: EmailMessage): Promise<PreparedEmail> => {
    count += 1;
    const id = newId('eml');
    const sealedMessage = await keyring.seal(emailContext(id), JSON.stringify({ to, message }));
    return { id, template: message.template, sealedMessage };
  };
  return {
    async send(to, message) {
      await repository.insert(await prepare(to, message));
    },
    prepare,
    prepared: () => count,
  };
}
