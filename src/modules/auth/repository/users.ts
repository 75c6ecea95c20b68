import { users } from '../../../core/database/schema/auth.ts';

export const userColumns = {
  id: users.id,
  kind: users.kind,
  email: users.email,
  emailVerifiedAt: users.emailVerifiedAt,
  name: users.name,
  passwordHash: users.passwordHash,
  passwordChangedAt: users.passwordChangedAt,
  role: users.role,
  disabledAt: users.disabledAt,
  deletedAt: users.deletedAt,
  createdAt: users.createdAt,
};
