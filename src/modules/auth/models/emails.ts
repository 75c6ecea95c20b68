/** Every e-mail that the module sends. Links lead to pages of the gateway, or to the app (EMAIL_LINK_BASE). */
export type EmailMessage =
  | { readonly template: 'verify-email'; readonly link: string }
  | { readonly template: 'already-registered'; readonly link: string }
  | { readonly template: 'reset-password'; readonly link: string }
  | { readonly template: 'change-email'; readonly link: string }
  | { readonly template: 'email-changed'; readonly newEmail: string; readonly undoLink: string }
  | { readonly template: 'link-identity'; readonly provider: string; readonly link: string }
  | {
      readonly template: 'invitation';
      readonly workspace: string;
      readonly inviter: string;
      readonly link: string;
    }
  /** Something about the account's security changed; what to do if it was not you. */
  | { readonly template: 'security-notice'; readonly what: string };
