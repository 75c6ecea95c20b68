import type { User } from '../models/users.ts';
import type { UserRecord } from '../ports/users.ts';

export function toUser({ id, kind, email, emailVerifiedAt, name, role, createdAt }: UserRecord): User {
  return {
    id,
    kind,
    email,
    emailVerified: emailVerifiedAt !== null,
    name,
    role,
    createdAt: createdAt.toISOString(),
  };
}
