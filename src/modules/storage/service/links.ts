import { storageError } from '../errors.ts';
import type { Link, LinkMode, LinkSettings } from '../models/links.ts';
import type { GrantRepository, Standing } from '../ports/grants.ts';
import type { LinkPasswords, LinkRepository } from '../ports/links.ts';
import { type Asker, audited } from './grants.ts';
import { type Page, pageOf } from './page.ts';
import { requireRole } from './roles.ts';

export interface LinkServiceDependencies {
  readonly links: LinkRepository;
  readonly grants: Pick<GrantRepository, 'standing'>;
  readonly passwords: LinkPasswords;
  readonly newId: (prefix: 'lnk') => string;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  /** Without a slash at its end. */
  readonly publicOrigin: string;
}

type Query = { cursor?: string | undefined; limit: number };
export type LinkService = ReturnType<typeof createLinkService>;

/** Secret addresses, as those see them who make them. */
export function createLinkService(dependencies: LinkServiceDependencies) {
  const { links, grants, passwords, newId, newSecret, hashSecret, publicOrigin } = dependencies;

  async function managed(userId: string, fileId: string): Promise<Standing> {
    const standing = await grants.standing(userId, fileId);
    requireRole('manager', standing?.rank ?? 0);
    if (standing === undefined) throw storageError('file_not_found');
    return standing;
  }

  async function found(userId: string, linkId: string): Promise<Link> {
    const link = await links.find(userId, linkId);
    if (link === undefined) throw storageError('link_not_found');
    return link;
  }

  const auditOf = (asker: Asker, action: string, linkId: string, driveId: string, details = {}) => ({
    ...audited(asker, action, { driveId }, '', details),
    object: { kind: 'link', id: linkId },
  });

  return {
    async create(
      asker: Asker,
      fileId: string,
      { mode, ...settings }: LinkSettings & { mode: LinkMode },
      resourceUuid?: string,
    ): Promise<Link & { token: string; url: string }> {
      const { userId } = asker.principal;
      const standing = await managed(userId, fileId);
      if (mode === 'upload' && standing.kind === 'file')
        throw storageError('not_a_folder', { detail: 'Only a folder takes uploads.' });
      const token = newSecret();
      const id = resourceUuid === undefined ? newId('lnk') : `lnk_${resourceUuid.replaceAll('-', '')}`;
      const { name = null, password, expiresAt = null, maxDownloads = null } = settings;
      const passwordHash = password ? await passwords.hash(password) : null;
      const link = { id, tokenHash: hashSecret(token), mode, name, passwordHash, expiresAt, maxDownloads };
      const entry = auditOf(asker, 'link.create', id, standing.driveId, {
        file: fileId,
        mode,
        ...told(settings),
      });
      if (!(await links.add(userId, fileId, link, entry))) throw storageError('file_not_found');
      return { ...(await found(userId, id)), token, url: `${publicOrigin}/v1/shared-links/${token}` };
    },

    async ofFile(userId: string, fileId: string, query: Query): Promise<Page<Link>> {
      await managed(userId, fileId);
      const rows = await links.ofFile(fileId, query.cursor ?? null, query.limit + 1);
      return pageOf(rows, query.limit, (link) => link.id);
    },

    async ofUser(userId: string, query: Query): Promise<Page<Link>> {
      const rows = await links.ofUser(userId, query.cursor ?? null, query.limit + 1);
      return pageOf(rows, query.limit, (link) => link.id);
    },

    async update(asker: Asker, linkId: string, { password, ...change }: LinkSettings): Promise<Link> {
      const { userId } = asker.principal;
      const { fileId } = await found(userId, linkId);
      const { driveId } = await managed(userId, fileId);
      const passwordHash = password ? await passwords.hash(password) : password;
      const entry = auditOf(asker, 'link.update', linkId, driveId, told({ password, ...change }));
      const done = await links.update(userId, linkId, given({ ...change, passwordHash }), entry);
      if (!done) throw storageError('link_not_found');
      return found(userId, linkId);
    },

    async revoke(asker: Asker, linkId: string): Promise<void> {
      const { userId } = asker.principal;
      const link = await links.find(userId, linkId);
      const standing = link && (await grants.standing(userId, link.fileId));
      // Makers may revoke what they do not see any more.
      const entry = auditOf(asker, 'link.revoke', linkId, standing?.driveId ?? userId);
      if (!(await links.revoke(userId, linkId, entry))) throw storageError('link_not_found');
    },
  };
}

type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Without those that are undefined. */
function given<T extends object>(values: T): Given<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Given<T>;
}

/** For the audit log: what was set, and of a password only that it was. */
function told({ password, expiresAt, maxDownloads }: LinkSettings) {
  return {
    ...(password === undefined ? {} : { password: password !== null }),
    ...(expiresAt === undefined ? {} : { expiresAt: expiresAt?.toISOString() ?? null }),
    ...(maxDownloads === undefined ? {} : { maxDownloads }),
  };
}
