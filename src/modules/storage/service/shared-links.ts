import type { File } from '../../../contracts/storage.ts';
import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { AppError, coreError } from '../../../core/http/app-error.ts';
import type { AuditEntry, RecordAudit } from '../../../core/security/audit.ts';
import type { Caller } from '../../../core/security/principal.ts';
import { storageError } from '../errors.ts';
import type { Dropped, LinkInfo, LinkMode, SharedFile } from '../models/links.ts';
import type { Actor } from '../ports/actor.ts';
import type { EntryRepository } from '../ports/entries.ts';
import type { FileRepository } from '../ports/files.ts';
import type { HeldLink, HeldLinkRepository, LinkPasswords } from '../ports/links.ts';
import type { ContentService, LiveContent, UploadBody } from './content.ts';
import type { DownloadService, Span } from './downloads.ts';
import { admitGuess } from './link-guesses.ts';
import type { LinkTickets } from './link-tickets.ts';
import { listCursor, positionOf } from './list-cursor.ts';
import { type Page, pageOf } from './page.ts';
import type { Zip, ZipService } from './zip.ts';

export interface SharedLinkServiceDependencies {
  readonly held: HeldLinkRepository;
  readonly files: Pick<FileRepository, 'findFile'>;
  readonly entries: Pick<EntryRepository, 'list'>;
  readonly downloads: Pick<DownloadService, 'content' | 'bytes'>;
  readonly zip: ZipService;
  readonly content: Pick<ContentService, 'createFile'>;
  readonly passwords: LinkPasswords;
  readonly tickets: LinkTickets;
  readonly limiter: RateLimiter;
  readonly hashSecret: (secret: string) => string;
  readonly recordAudit: RecordAudit;
}

/** Somebody at a link. */
export interface Visit {
  readonly token: string;
  readonly ticket: string | undefined;
  readonly caller: Caller;
}

/** Content, and its bytes, each call of which counts as a download. */
export interface CountedContent {
  readonly content: LiveContent;
  readonly bytes: (span: Span | undefined, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
}

export type SharedLinkService = ReturnType<typeof createSharedLinkService>;

const BY_NAME = { sort: 'name', order: 'asc' } as const;

/** What whoever has a link can do: with one file, or one folder and all that is in it, and nothing else. */
export function createSharedLinkService(dependencies: SharedLinkServiceDependencies) {
  const { held, files, entries, downloads, tickets, hashSecret, recordAudit } = dependencies;

  /** Unknown, revoked, in the trash, of somebody who may not share it any more: all the same. */
  async function find(token: string): Promise<HeldLink> {
    const link = await held.findByToken(hashSecret(token));
    if (link === undefined) throw storageError('link_not_found');
    if (link.isExpired) throw storageError('link_expired');
    return link;
  }

  async function isLocked({ id, passwordHash }: HeldLink, ticket: string | undefined): Promise<boolean> {
    if (passwordHash === null) return false;
    return ticket === undefined || !(await tickets.isValid({ id, passwordHash }, ticket));
  }

  async function open(visit: Visit, ...modes: readonly LinkMode[]): Promise<HeldLink & { actor: Actor }> {
    const link = await find(visit.token);
    if (await isLocked(link, visit.ticket)) throw storageError('link_password_required');
    if (!modes.includes(link.mode)) throw storageError('link_mode_refused', { detail: MODES[link.mode] });
    return { ...link, actor: { kind: 'link', linkId: link.id, rootId: link.file.id } };
  }

  async function count(link: HeldLink, visit: Visit, what: string, fileId?: string): Promise<void> {
    const isDownload = what === 'download' || what === 'zip';
    if (await held.use(link.id, isDownload, usedBy(link, visit, what, fileId))) return;
    throw storageError(isDownload && link.maxDownloads !== null ? 'link_used_up' : 'link_not_found');
  }

  return {
    async info(visit: Visit): Promise<LinkInfo> {
      const link = await find(visit.token);
      const locked = await isLocked(link, visit.ticket);
      if (!locked) await count(link, visit, 'open');
      return infoOf(link, locked);
    },

    /** @throws AppError `link_password_wrong`, `too_many_requests` */
    async unlock(visit: Visit, password: string) {
      const link = await find(visit.token);
      const { id, passwordHash } = link;
      if (passwordHash === null) throw storageError('link_has_no_password');
      const attempt = await admitGuess(dependencies.limiter, id, visit.caller);
      if (!(await dependencies.passwords.verify(password, passwordHash))) {
        await recordAudit({
          ...usedBy(link, visit, 'unlock'),
          result: 'denied',
          reason: 'link_password_wrong',
        });
        throw storageError('link_password_wrong');
      }
      await attempt.succeeded();
      return tickets.issue({ id, passwordHash });
    },

    async list(
      visit: Visit,
      query: { parentId?: string | undefined; cursor?: string | undefined; limit: number },
    ): Promise<Page<SharedFile>> {
      const link = await open(visit, 'view', 'download');
      const after = query.cursor === undefined ? null : positionOf(query.cursor, BY_NAME);
      if (after === undefined)
        throw coreError('invalid_request', {
          errors: [{ field: 'cursor', message: 'must be the nextCursor of a page' }],
        });
      const placeId = query.parentId ?? link.file.id;
      const listing = { placeId, sort: BY_NAME.sort, descending: false, after, limit: query.limit + 1 };
      const rows = await entries.list(link.actor, listing);
      if (rows === undefined) throw storageError('folder_not_found');
      await count(link, visit, 'list', placeId);
      const page = pageOf(rows, query.limit, ({ position }) => listCursor(BY_NAME, position));
      return { items: page.items.map(({ file }) => toSharedFile(file)), nextCursor: page.nextCursor };
    },

    async file(visit: Visit, fileId: string): Promise<SharedFile> {
      const { actor } = await open(visit, 'view', 'download');
      const file = await files.findFile(actor, fileId);
      if (file === undefined) throw storageError('file_not_found');
      return toSharedFile(file);
    },

    /** For a picture of it: bytes of its own are for links to download. */
    async preview(visit: Visit, fileId: string): Promise<LiveContent> {
      const { actor } = await open(visit, 'view', 'download');
      return downloads.content(actor, fileId);
    },

    async content(visit: Visit, fileId: string): Promise<CountedContent> {
      const link = await open(visit, 'download');
      const content = await downloads.content(link.actor, fileId);
      return {
        content,
        bytes: async (span, signal) => {
          await count(link, visit, 'download', fileId);
          return downloads.bytes(content.version.object, span, signal).catch(async (error: unknown) => {
            const failed = usedBy(link, visit, 'download', fileId);
            await held.giveBack(link.id, { ...failed, result: 'failure' }).catch(() => undefined);
            throw error;
          });
        },
      };
    },

    /** @param isCounted false to learn about it only */
    async zip(visit: Visit, folderId: string, isCounted: boolean): Promise<Zip> {
      const link = await open(visit, 'download');
      const zip = await dependencies.zip.zip(link.actor, folderId);
      if (isCounted) await count(link, visit, 'zip', folderId);
      return zip;
    },

    /**
     * Lets somebody put a file here, before anything of its bytes is held: they may be anybody's.
     * @returns what puts it. It never shows what is there: not even that another name had to be found
     */
    async drop(visit: Visit): Promise<(name: string, upload: UploadBody) => Promise<Dropped>> {
      const link = await open(visit, 'upload');
      const { makerId: userId, id: linkId, driveId, file } = link;
      return async (name, upload) => {
        await count(link, visit, 'upload');
        const target = { userId, linkId, driveId, parentId: file.id, name, conflict: 'rename' as const };
        try {
          await dependencies.content.createFile(target, false, upload);
        } catch (error) {
          const reason = error instanceof AppError ? error.code : 'interrupted';
          await recordAudit({ ...usedBy(link, visit, 'upload'), result: 'failure', reason });
          const isOver = reason === 'folder_not_found' || reason === 'role_required';
          throw isOver ? storageError('link_not_found', { cause: error }) : error;
        }
        return { name, size: upload.size };
      };
    },
  };
}

const MODES: Readonly<Record<LinkMode, string>> = {
  view: 'The link is for looking only.',
  download: 'The link is for downloads only.',
  upload: 'The link is for uploads only.',
};

function usedBy(
  { id, driveId }: HeldLink,
  { caller }: Visit,
  what: string,
  fileId: string | null = null,
): AuditEntry {
  return {
    actor: { kind: 'anonymous' },
    action: 'link.use',
    object: { kind: 'link', id },
    workspaceId: driveId.startsWith('wsp_') ? driveId : null,
    result: 'success',
    address: caller.address,
    requestId: caller.requestId,
    details: { what, file: fileId },
  };
}

function infoOf(link: HeldLink, locked: boolean): LinkInfo {
  const { mode, file, maxDownloads, downloads, expiresAt, passwordHash } = link;
  return {
    mode,
    needsPassword: passwordHash !== null,
    fileId: locked || mode === 'upload' ? null : file.id,
    name: locked ? null : file.name,
    kind: locked ? null : file.kind,
    expiresAt: expiresAt?.toISOString() ?? null,
    downloadsLeft: maxDownloads === null ? null : Math.max(0, maxDownloads - downloads),
  };
}

function toSharedFile(file: File): SharedFile {
  const { id, kind, name, parentId, path, size, contentType, etag, content, updatedAt } = file;
  return { id, kind, name, parentId, path, size, contentType, etag, content, updatedAt };
}
