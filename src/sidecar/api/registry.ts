import type { ModelInfo, ModelRegistry } from '../../contracts/sidecar.ts';
import type { ModelManager } from '../models/manager.ts';
import { sidecarError } from '../problems.ts';

/** Every model that is known, and what there is in memory. */
export async function listModels(models: ModelManager): Promise<Response> {
  const body: ModelRegistry = await models.list();
  return Response.json(body);
}

/** `pull` and `warm` begin something and answer 202; the entry in the list says how it goes. */
export async function manageModel(models: ModelManager, id: string, action: string): Promise<Response> {
  switch (action) {
    case 'pull':
      return entry(await models.pull(id), 202);
    case 'warm':
      return entry(await models.warm(id), 202);
    case 'unload':
      return entry(await models.unload(id), 200);
    case 'pin':
      return entry(await models.pin(id, true), 200);
    case 'unpin':
      return entry(await models.pin(id, false), 200);
    default:
      throw sidecarError('not_found');
  }
}

export async function removeModel(models: ModelManager, id: string): Promise<Response> {
  await models.remove(id);
  return new Response(null, { status: 204 });
}

const entry = (body: ModelInfo, status: number) => Response.json(body, { status });
