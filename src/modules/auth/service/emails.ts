import type { Keyring } from '../../../core/security/keyring.ts';
import type { EmailMessage } from '../models/emails.ts';
import type { EmailRepository } from '../ports/emails.ts';

export interface Emails {
  /** Puts an e-mail into the outbox; it leaves a moment later, and again until the provider has taken it. */
  send(to: string, message: EmailMessage): Promise<void>;
}

export function createEmails(dependencies: {
  readonly repository: EmailRepository;
  readonly keyring: Keyring;
  readonly newId: (prefix: 'eml') => string;
}): Emails {
  const { repository, keyring, newId } = dependencies;
  return {
    async send(to, message) {
      const id = newId('eml');
      const sealedMessage = await keyring.seal(`email ${id}`, JSON.stringify({ to, message }));
      await repository.insert({ id, template: message.template, sealedMessage });
    },
  };
}
