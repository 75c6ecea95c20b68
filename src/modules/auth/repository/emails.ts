import type { Database } from '../../../core/database/client.ts';
import { emails } from '../../../core/database/schema/auth.ts';
import type { EmailRepository } from '../ports/emails.ts';

export function createEmailRepository(db: Database): EmailRepository {
  return {
    async insert(email) {
      await db.insert(emails).values(email);
    },
  };
}
