/** Every switch there is; one that is not here is off. Settings of a module that are no switches: core/config/settings.ts. */
export const FLAGS = {
  'auth.registration': {
    module: 'auth',
    description: 'People may register. Off: registering answers 403, whatever REGISTRATION says.',
    default: true,
  },
  'ai.semantic-search': {
    module: 'ai',
    description: 'Search goes by meaning. Off: it answers by keyword and says that it is degraded.',
    default: true,
  },
} as const satisfies Readonly<
  Record<string, { readonly module: string; readonly description: string; readonly default: boolean }>
>;
export type FlagName = keyof typeof FLAGS;

export function isFlagName(name: string): name is FlagName {
  return Object.hasOwn(FLAGS, name);
}
