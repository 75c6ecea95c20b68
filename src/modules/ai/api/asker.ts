import type { Context } from 'hono';
import type { Asker } from '../ports/drives.ts';
import type { AiVariables } from './app.ts';

/** Who asks, for what is audited. */
export const askerOf = (c: Context<{ Bindings: object; Variables: AiVariables }>): Asker => ({
  principal: c.get('principal'),
  caller: c.get('caller'),
});
