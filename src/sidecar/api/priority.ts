import { z } from 'zod';
import type { Priority } from '../models/cores.ts';

const schema = z.enum(['interactive', 'batch']);

/** What the caller says of its urgency in `x-priority`. */
export function statedPriority(request: Request): Priority | undefined {
  return schema.safeParse(request.headers.get('x-priority')).data;
}
