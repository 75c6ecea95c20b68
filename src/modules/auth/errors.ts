import { defineErrors } from '../../core/http/app-error.ts';

export const authError = defineErrors({
  email_taken: { status: 409, title: 'This e-mail address already has an account' },
  invalid_credentials: { status: 401, title: 'E-mail address or password is wrong' },
  invalid_refresh_token: { status: 401, title: 'The refresh token is not valid' },
  user_not_found: { status: 404, title: 'There is no such user' },
  account_disabled: { status: 403, title: 'The account is disabled' },
});
