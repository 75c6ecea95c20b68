import { readRequestSchema } from '../../contracts/sidecar.ts';
import { sidecarError } from '../problems.ts';
import type { ReadService } from '../reading/read-service.ts';

/** Reads one object of the object store: its text in chunks, what it says about itself, or why it cannot be read. */
export async function readObject(request: Request, json: unknown, service: ReadService): Promise<Response> {
  const body = readRequestSchema.safeParse(json);
  if (!body.success) {
    const detail = body.error.issues
      .map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
      .join('; ');
    throw sidecarError('invalid_request', { detail });
  }
  return Response.json(await service.read(body.data, request.signal));
}
