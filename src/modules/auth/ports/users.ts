export interface UserRecord {
  readonly id: string;
  readonly kind: 'person' | 'service';
  readonly email: string | null;
  readonly emailVerifiedAt: Date | null;
  readonly name: string | null;
  readonly passwordHash: string | null;
  readonly passwordChangedAt: Date | null;
  readonly role: string;
  readonly disabledAt: Date | null;
  readonly deletedAt: Date | null;
  readonly createdAt: Date;
}
