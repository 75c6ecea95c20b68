import type { Context } from 'hono';
import type { Asker } from '../service/grants.ts';
import type { StorageVariables } from './app.ts';

/** Who asks, for what is audited. */
export const askerOf = (c: Context<{ Bindings: object; Variables: StorageVariables }>): Asker => ({
  principal: c.get('principal'),
  caller: c.get('caller'),
});
