import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import type { Database } from '../../../core/database/client.ts';
import { newId } from '../../../core/database/columns.ts';
import type { Guard } from '../../../core/http/authorize.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import { createScryptPasswords } from '../../../core/security/scrypt-passwords.ts';
import { hashSecret, newSecret } from '../../../core/security/secret.ts';
import type { EntryRepository } from '../ports/entries.ts';
import type { FileRepository } from '../ports/files.ts';
import { createCommentRepository } from '../repository/comments.ts';
import { createGrantRepository } from '../repository/grants.ts';
import { createLinkRepository } from '../repository/links.ts';
import { createAccessRepository } from '../repository/rules.ts';
import { createHeldLinkRepository } from '../repository/shared-links.ts';
import { type CommentService, createCommentService } from '../service/comments.ts';
import type { ContentService } from '../service/content.ts';
import type { DownloadService } from '../service/downloads.ts';
import { createGrantService, type GrantService } from '../service/grants.ts';
import { createLinkTickets } from '../service/link-tickets.ts';
import { createLinkService, type LinkService } from '../service/links.ts';
import { createSharedLinkService, type SharedLinkService } from '../service/shared-links.ts';
import type { ZipService } from '../service/zip.ts';

/** What others get to see, by grants and by links, and what they say about it. */
export interface Sharing {
  readonly grants: GrantService;
  readonly comments: CommentService;
  readonly links: LinkService;
  readonly sharedLinks: SharedLinkService;
}

export interface SharingDependencies {
  readonly db: Database;
  readonly keyring: Keyring;
  readonly limiter: RateLimiter;
  readonly guard: Guard;
  readonly files: FileRepository;
  readonly entries: EntryRepository;
  readonly content: ContentService;
  readonly downloads: DownloadService;
  readonly zip: ZipService;
}

export function createSharing(dependencies: SharingDependencies): Sharing {
  const { db, keyring, limiter, guard, ...rooms } = dependencies;
  const grants = createGrantRepository(db);
  const passwords = createScryptPasswords();
  return {
    grants: createGrantService({ grants, access: createAccessRepository(db), limiter, newId }),
    comments: createCommentService({ comments: createCommentRepository(db), grants, newId }),
    links: createLinkService({
      links: createLinkRepository(db),
      grants,
      passwords,
      newId,
      newSecret,
      hashSecret,
      publicOrigin: guard.publicOrigin,
    }),
    sharedLinks: createSharedLinkService({
      ...rooms,
      held: createHeldLinkRepository(db),
      passwords,
      tickets: createLinkTickets(keyring, Date.now),
      limiter,
      hashSecret,
      recordAudit: guard.recordAudit,
    }),
  };
}
