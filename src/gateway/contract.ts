import { z } from 'zod';
import type { Fetcher } from '../core/config/config.ts';
import type { DependencyName } from '../core/resilience/dependency.ts';
import { callSibling } from '../core/resilience/sibling.ts';
import type { GatewayConfig } from './config.ts';

export interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly unknown[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly responses?: Readonly<Record<string, { readonly description?: string }>>;
}

/** As much of an OpenAPI document as is looked at here. */
export interface Contract {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly servers: readonly { readonly url: string }[];
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const partSchema = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.custom<Operation>(isObject))).optional(),
  components: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
});
type Part = z.infer<typeof partSchema>;

const HEALTH = {
  '/healthz': {
    get: {
      tags: ['operation'],
      summary: 'The gateway is alive',
      responses: { 200: { description: 'Alive' } },
    },
  },
  '/readyz': {
    get: {
      tags: ['operation'],
      summary: 'Every module and its dependencies answer',
      responses: { 200: { description: 'Ready' }, 503: { description: 'A part does not answer' } },
    },
  },
};

/** The whole public contract: the parts that the modules generate from their routes, as one OpenAPI document. */
export async function joinContracts(config: GatewayConfig, origin: string): Promise<Contract> {
  const parts = await Promise.all([
    contractOf('auth', config.AUTH),
    contractOf('storage', config.STORAGE),
    contractOf('ai', config.AI),
  ]);
  const components: Record<string, Record<string, unknown>> = {};
  for (const part of parts) {
    for (const [kind, members] of Object.entries(part.components ?? {})) {
      components[kind] = { ...components[kind], ...members };
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'AI Cloud Storage',
      version: '1.0.0',
      description: 'Keeps files, understands them, and finds them by what they mean.',
    },
    servers: [{ url: origin }],
    paths: mergePaths(parts),
    components,
  };
}

function mergePaths(parts: readonly Part[]): Record<string, Record<string, Operation>> {
  const paths: Record<string, Record<string, Operation>> = { ...HEALTH };
  for (const part of parts) {
    for (const [path, operations] of Object.entries(part.paths ?? {}))
      paths[path] = { ...paths[path], ...operations };
  }
  return paths;
}

async function contractOf(name: DependencyName, module: Fetcher): Promise<Part> {
  const response = await callSibling(name, module, '/openapi.json');
  return partSchema.parse(await response.json());
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
