import { z } from 'zod';
import { modelInfoSchema, modelRegistrySchema } from '../../../contracts/sidecar.ts';
import { type Dependency, DependencyError } from '../../../core/resilience/dependency.ts';
import type { ModelServer, RegistryRefusal } from '../ports/models.ts';

export interface RegistryOptions {
  readonly sidecarUrl: string;
  readonly serviceToken: () => Promise<string>;
  readonly guard: Dependency;
}

const refusalSchema = z.object({
  code: z.enum(['not_found', 'model_pinned', 'model_busy', 'model_kept']),
  detail: z.string().default(''),
});

/** The registry of the sidecar; with several behind a balancer, of the one that answers. */
export function createSidecarRegistry({ sidecarUrl, serviceToken, guard }: RegistryOptions): ModelServer {
  async function send(method: string, path: string): Promise<Response> {
    const headers = { authorization: `Bearer ${await serviceToken()}` };
    return guard.fetch(new URL(path, sidecarUrl).href, { method, headers }, { wholeAnswer: true });
  }

  return {
    async list() {
      const response = await send('GET', '/v1/registry');
      if (!response.ok) throw new DependencyError('sidecar', `the registry answered ${response.status}`);
      return modelRegistrySchema.parse(await response.json());
    },
    async command(id, command) {
      const response = await send('POST', `/v1/registry/${encodeURIComponent(id)}/${command}`);
      if (!response.ok) return refusalOf(response);
      return modelInfoSchema.parse(await response.json());
    },
    async remove(id) {
      const response = await send('DELETE', `/v1/registry/${encodeURIComponent(id)}`);
      return response.ok ? undefined : refusalOf(response);
    },
  };
}

async function refusalOf(response: Response): Promise<RegistryRefusal> {
  const problem = refusalSchema.safeParse(await response.json().catch(() => undefined));
  if (!problem.success) throw new DependencyError('sidecar', `the registry answered ${response.status}`);
  return { refused: problem.data.code, detail: problem.data.detail };
}
