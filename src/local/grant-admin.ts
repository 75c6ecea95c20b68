import { parseArgs } from 'node:util';
import { z } from 'zod';
import { databaseConfigSchema, parseConfig } from '../core/config/config.ts';
import { createDatabase } from '../core/database/client.ts';
import { type GrantOutcome, grantAdmin } from '../modules/auth/repository/grant-admin.ts';

// `npm run admin:grant -- EMAIL [--unverified]`: makes an existing account of the deployment at DATABASE_URL its
// administrator.
const USAGE = 'usage: npm run admin:grant -- EMAIL [--unverified]';
const SAYS: Readonly<Record<GrantOutcome, string>> = {
  granted: 'is an administrator now, in every session within a second.',
  already_admin: 'is an administrator already.',
  not_verified:
    'has not been confirmed: whoever typed it would become administrator. Confirm it, or add --unverified.',
  not_found: 'belongs to no account that is open. Register it first.',
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { unverified: { type: 'boolean', default: false } },
});
const [email] = positionals;
if (email === undefined || positionals.length > 1) {
  console.error(USAGE);
  process.exit(2);
}
const config = parseConfig('admin:grant', z.object(databaseConfigSchema.shape), process.env);
const outcome = await grantAdmin(createDatabase(config), email, values);
console.log(`${email} ${SAYS[outcome]}`);
process.exitCode = outcome === 'granted' || outcome === 'already_admin' ? 0 : 1;
