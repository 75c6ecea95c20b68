import type { Defect } from './defect.ts';
import { ACCESS_DEFECTS } from './list/access.ts';
import { ADMISSION_DEFECTS } from './list/admission.ts';
import { AI_JOB_DEFECTS } from './list/ai-jobs.ts';
import { AI_READING_DEFECTS } from './list/ai-reading.ts';
import { AI_SEARCH_DEFECTS } from './list/ai-search.ts';
import { AI_SETTING_DEFECTS } from './list/ai-settings.ts';
import { AUDIT_DEFECTS } from './list/audit.ts';
import { AUTHORITY_DEFECTS } from './list/authority.ts';
import { FACTOR_DEFECTS } from './list/factors.ts';
import { METRICS_DEFECTS } from './list/metrics.ts';
import { OAUTH_DEFECTS } from './list/oauth.ts';
import { OPERATIONS_DEFECTS } from './list/operations.ts';
import { PASSWORD_DEFECTS } from './list/passwords.ts';
import { SESSION_DEFECTS } from './list/sessions.ts';
import { STORAGE_CONTENT_DEFECTS } from './list/storage-content.ts';
import { STORAGE_INTEGRITY_DEFECTS } from './list/storage-integrity.ts';
import { STORAGE_LINK_DEFECTS } from './list/storage-links.ts';
import { STORAGE_OBJECT_DEFECTS } from './list/storage-objects.ts';
import { STORAGE_RIGHTS_DEFECTS } from './list/storage-rights.ts';
import { STORAGE_TELLING_DEFECTS } from './list/storage-telling.ts';
import { STORAGE_TREE_DEFECTS } from './list/storage-tree.ts';
import { STORAGE_UPLOAD_DEFECTS } from './list/storage-uploads.ts';
import { STORAGE_VERSION_DEFECTS } from './list/storage-versions.ts';
import { STORAGE_WEBHOOK_DEFECTS } from './list/storage-webhooks.ts';
import { STORAGE_WIRE_DEFECTS } from './list/storage-wire.ts';
import { THROTTLING_DEFECTS } from './list/throttling.ts';
import { TOKEN_DEFECTS } from './list/tokens.ts';
import { TRACE_DEFECTS } from './list/traces.ts';

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
  ...METRICS_DEFECTS,
  ...TRACE_DEFECTS,
  ...OPERATIONS_DEFECTS,
  ...OAUTH_DEFECTS,
  ...THROTTLING_DEFECTS,
  ...AUDIT_DEFECTS,
  ...STORAGE_RIGHTS_DEFECTS,
  ...STORAGE_TREE_DEFECTS,
  ...STORAGE_VERSION_DEFECTS,
  ...STORAGE_UPLOAD_DEFECTS,
  ...STORAGE_CONTENT_DEFECTS,
  ...STORAGE_LINK_DEFECTS,
  ...STORAGE_TELLING_DEFECTS,
  ...STORAGE_WEBHOOK_DEFECTS,
  ...STORAGE_WIRE_DEFECTS,
  ...STORAGE_OBJECT_DEFECTS,
  ...STORAGE_INTEGRITY_DEFECTS,
  ...AI_SEARCH_DEFECTS,
  ...AI_JOB_DEFECTS,
  ...AI_READING_DEFECTS,
  ...AI_SETTING_DEFECTS,
];
