import { perEnvironment } from '../../core/config/per-environment.ts';
import { createHttpApp, describeApi, limitBody } from '../../core/http/app.ts';
import { provideGuard } from '../../core/http/authorize.ts';
import type { EdgeContext, EdgeModule } from '../../core/http/edge-module.ts';
import { mountReadiness } from '../../core/http/health.ts';
import { describeError } from '../../core/telemetry/logger.ts';
import { mountAccountPages } from './api/account-pages.ts';
import { mountAccounts } from './api/accounts.ts';
import { mountAdminUsers } from './api/admin-users.ts';
import { mountApiKeys } from './api/api-keys.ts';
import type { AuthVariables } from './api/app.ts';
import { mountAudit } from './api/audit.ts';
import { mountEmailAddresses } from './api/email-addresses.ts';
import { mountFlags } from './api/flags.ts';
import { mountGroups } from './api/groups.ts';
import { mountIdentityProviders } from './api/identity-providers.ts';
import { mountInvitations } from './api/invitations.ts';
import { mountMembers } from './api/members.ts';
import { mountMfa } from './api/mfa.ts';
import { mountOauthAuthorize } from './api/oauth-authorize.ts';
import { mountOauthClients } from './api/oauth-clients.ts';
import { mountOauthDevice } from './api/oauth-device.ts';
import { mountOauthGrants } from './api/oauth-grants.ts';
import { mountOauthMetadata } from './api/oauth-metadata.ts';
import { mountOauthTokens } from './api/oauth-tokens.ts';
import { mountOidc } from './api/oidc.ts';
import { mountPasskeys } from './api/passkeys.ts';
import { mountPasswords } from './api/passwords.ts';
import { mountPermissions } from './api/permissions.ts';
import { mountPolicies } from './api/policies.ts';
import { mountRoles } from './api/roles.ts';
import { mountServiceAccountKeys } from './api/service-account-keys.ts';
import { mountServiceAccounts } from './api/service-accounts.ts';
import { mountSessions } from './api/sessions.ts';
import { mountSettings } from './api/settings.ts';
import { mountSigningKeys } from './api/signing-keys.ts';
import { refuseForgedSignIn } from './api/tokens.ts';
import { mountWorkspaces } from './api/workspaces.ts';
import { type AuthDependencies, createAuthDependencies } from './dependencies.ts';

/** The auth module's one door. */
export function createAuthModule(): EdgeModule {
  const dependencies = perEnvironment(createAuthDependencies);
  const app = createHttpApp<AuthVariables>('auth');

  mountReadiness(app, (env) => dependencies(env).checks);
  app.use(limitBody());
  app.use((c, next) => sendEmailsAfterwards(dependencies(c.env), c.executionCtx, next));
  app.use(provideGuard((env) => dependencies(env).guard));
  app.use(async (c, next) => {
    c.set('services', dependencies(c.env).services);
    c.set('limiter', dependencies(c.env).limiter);
    await next();
  });

  app.use(refuseForgedSignIn);

  mountAccounts(app);
  mountEmailAddresses(app);
  mountPasswords(app);
  mountSessions(app);
  mountAdminUsers(app);
  mountMfa(app);
  mountPasskeys(app);
  mountOidc(app);
  mountIdentityProviders(app);
  mountApiKeys(app);
  mountServiceAccounts(app);
  mountServiceAccountKeys(app);
  mountSigningKeys(app);
  mountWorkspaces(app);
  mountMembers(app);
  mountGroups(app);
  mountInvitations(app);
  mountRoles(app);
  mountPolicies(app);
  mountPermissions(app);
  mountAudit(app);
  mountFlags(app);
  mountSettings(app);
  mountOauthMetadata(app);
  mountOauthClients(app);
  mountOauthAuthorize(app);
  mountOauthDevice(app);
  mountOauthTokens(app);
  mountOauthGrants(app);
  mountAccountPages(app);
  describeApi(app, 'Auth');
  return {
    fetch: (request, env, ctx) => app.fetch(request, env, ctx),
    scheduled: (_controller, env) => maintain(dependencies(env)),
  };
}

/** After the answer, so that the time of the answer does not tell whether there was something to send. */
async function sendEmailsAfterwards(
  { emails }: AuthDependencies,
  context: Pick<EdgeContext, 'waitUntil'>,
  next: () => Promise<void>,
): Promise<void> {
  const before = emails.prepared();
  await next();
  if (emails.prepared() !== before) context.waitUntil(emails.deliver());
}

/** Every task has its turn, whatever became of the others. */
async function maintain({ maintenance, logger }: AuthDependencies): Promise<void> {
  for (const { name, run } of maintenance) {
    await run().catch((error: unknown) =>
      logger.error('maintenance failed', { task: name, error: describeError(error) }),
    );
  }
}
