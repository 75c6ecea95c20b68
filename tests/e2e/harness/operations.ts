import { z } from 'zod';
import { bodyOf, type Client } from './client.ts';

/** One operation of the contract, with what it says about who may call it. */
export interface Operation {
  /** `GET /v1/files/{id}`. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** Undefined: anybody may call it. */
  readonly permission: string | undefined;
  readonly recent: boolean;
}

const operationSchema = z.looseObject({
  summary: z.string().min(1),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  'x-permission': z.string().optional(),
  'x-recent-authentication': z.boolean().optional(),
  responses: z.record(z.string(), z.looseObject({ description: z.string().min(1) })),
});
export const contractSchema = z.looseObject({
  openapi: z.string().regex(/^3\.1\./),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});
export type Contract = z.infer<typeof contractSchema>;

export async function readContract(api: Client): Promise<Contract> {
  return bodyOf(await api.call('GET', '/openapi.json'), 200, contractSchema);
}

export function operationsOf({ paths }: Contract): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      permission: operation['x-permission'],
      recent: operation['x-recent-authentication'] ?? false,
    })),
  );
}

/** The path with every `{parameter}` filled in. */
export function fillPath(path: string, idFor: (parameter: string, path: string) => string): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => encodeURIComponent(idFor(parameter, path)));
}
