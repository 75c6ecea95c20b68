import { objectRequestSchema } from '../../contracts/sidecar.ts';
import type { ScanService } from '../scanning/scan-service.ts';
import { parseBody } from './body.ts';

/** What the malware scanner says of one object of the object store. */
export async function scanObject(request: Request, json: unknown, service: ScanService): Promise<Response> {
  return Response.json(await service.scan(parseBody(objectRequestSchema, json), request.signal));
}
