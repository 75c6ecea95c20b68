import { readRequestSchema } from '../../contracts/sidecar.ts';
import type { ReadService } from '../reading/read-service.ts';
import { parseBody } from './body.ts';

/** Reads one object of the object store: its text in chunks, what it says about itself, or why it cannot be read. */
export async function readObject(request: Request, json: unknown, service: ReadService): Promise<Response> {
  return Response.json(await service.read(parseBody(readRequestSchema, json), request.signal));
}
