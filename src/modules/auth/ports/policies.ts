import type { Policy } from '../models/policies.ts';

export interface PolicyRepository {
  /** The deployment's, and those of the user's workspaces; without a user the deployment's alone. */
  policiesFor(userId: string | null): Promise<Policy[]>;
}
