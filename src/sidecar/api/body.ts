import type { z } from 'zod';
import { sidecarError } from '../problems.ts';

/** @throws AppError invalid_request that names every fault */
export function parseBody<T>(schema: z.ZodType<T>, json: unknown): T {
  const body = schema.safeParse(json);
  if (body.success) return body.data;
  const detail = body.error.issues
    .map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
    .join('; ');
  throw sidecarError('invalid_request', { detail });
}
