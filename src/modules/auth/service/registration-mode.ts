import type { Flags } from '../../../core/flags/flags.ts';

export type RegistrationMode = 'open' | 'confirmed' | 'invited' | 'closed';

/** Who may open an account right now: nobody while it is switched off, else as is set. */
export function createRegistrationMode(dependencies: {
  readonly flags: Flags;
  /** By the settings, or else the environment. What accounts are held to does not change with the switch. */
  readonly configured: () => Promise<RegistrationMode>;
}): () => Promise<RegistrationMode> {
  const { flags, configured } = dependencies;
  return async () => ((await flags.isOn('auth.registration', { userId: null })) ? configured() : 'closed');
}

/**
 * The mode that sign-in goes by: closing registration, by the switch or a setting, must not let in those who have yet to
 * confirm their address.
 */
export function createSignInMode(
  environment: RegistrationMode,
  configured: () => Promise<RegistrationMode>,
): () => Promise<RegistrationMode> {
  return async () => {
    const mode = await configured();
    return mode !== 'open' && environment === 'confirmed' ? 'confirmed' : mode;
  };
}
