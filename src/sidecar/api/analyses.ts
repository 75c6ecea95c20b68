import { analysisRequestSchema } from '../../contracts/sidecar.ts';
import type { AnalysisService } from '../plugins/analysis-service.ts';
import { parseBody } from './body.ts';

/** Runs analysis steps over the text of one version; 200 whatever becomes of each. */
export async function analyseText(
  request: Request,
  json: unknown,
  service: AnalysisService,
): Promise<Response> {
  return Response.json(await service.analyse(parseBody(analysisRequestSchema, json), request.signal));
}

/** Every analysis step: what it is, where it came from, and why it cannot run. */
export async function listPlugins(service: AnalysisService): Promise<Response> {
  return Response.json(await service.plugins());
}
