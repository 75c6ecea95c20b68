import type { Defect } from './defect.ts';
import { ACCESS_DEFECTS } from './list/access.ts';
import { ADMISSION_DEFECTS } from './list/admission.ts';
import { AUDIT_DEFECTS } from './list/audit.ts';
import { AUTHORITY_DEFECTS } from './list/authority.ts';
import { FACTOR_DEFECTS } from './list/factors.ts';
import { OAUTH_DEFECTS } from './list/oauth.ts';
import { PASSWORD_DEFECTS } from './list/passwords.ts';
import { SESSION_DEFECTS } from './list/sessions.ts';
import { THROTTLING_DEFECTS } from './list/throttling.ts';
import { TOKEN_DEFECTS } from './list/tokens.ts';

/**
 * A test of a promise counts once a mistake that breaks the promise has turned it red. These are the mistakes;
 * `npm run test:defects` makes them, one at a time, in a copy of the tree.
 */
export const DEFECTS: readonly Defect[] = [
  ...PASSWORD_DEFECTS,
  ...TOKEN_DEFECTS,
  ...AUTHORITY_DEFECTS,
  ...SESSION_DEFECTS,
  ...FACTOR_DEFECTS,
  ...ACCESS_DEFECTS,
  ...ADMISSION_DEFECTS,
  ...OAUTH_DEFECTS,
  ...THROTTLING_DEFECTS,
  ...AUDIT_DEFECTS,
];
