export type AccountLink =
  | 'verify-email'
  | 'change-email'
  | 'undo-email'
  | 'reset-password'
  | 'forgot-password'
  | 'accept-invitation';

/**
 * A link for an e-mail. The token stands in the fragment, which browsers send to no server: it is in no log and in no
 * Referer.
 */
export type LinkTo = (action: AccountLink, token?: string) => string;

/** @param base where the pages are, without `/account` */
export function createLinkTo(base: string): LinkTo {
  const pages = `${base.replace(/\/+$/, '')}/account`;
  return (action, token) =>
    token === undefined ? `${pages}/${action}` : `${pages}/${action}#token=${token}`;
}
