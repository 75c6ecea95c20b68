import { objectRequestSchema } from '../../contracts/sidecar.ts';
import type { DigestService } from '../digest-service.ts';
import { parseBody } from './body.ts';

/** The SHA-256 of one object of the object store. */
export async function digestObject(
  request: Request,
  json: unknown,
  service: DigestService,
): Promise<Response> {
  return Response.json(await service.digest(parseBody(objectRequestSchema, json), request.signal));
}
