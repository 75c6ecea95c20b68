/** On whose behalf something is asked: a user, or whoever holds a link (then of one entry and all below it). */
export type Actor =
  | { readonly kind: 'user'; readonly userId: string }
  | { readonly kind: 'link'; readonly linkId: string; readonly rootId: string };

/** What one may do; each includes those before it. */
export const ROLES = ['viewer', 'commenter', 'editor', 'manager'] as const;
export type Role = (typeof ROLES)[number];

export const asUser = (userId: string): Actor => ({ kind: 'user', userId });

/** As `storage.rank_of` has it. */
export const rankOf = (role: Role): number => ROLES.indexOf(role) + 1;
