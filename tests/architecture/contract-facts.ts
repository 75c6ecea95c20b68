import { z } from 'zod';

/**
 * What a client may rely on, a fact for each thing: `GET /v1/files` -> `files:read`, `GET /v1/files ?limit` ->
 * `optional integer`, `POST /v1/folders body.name` -> `required string`, `GET /v1/files 200.items[]` -> `required $File`,
 * `$File.name` -> `required string`. Descriptions and bounds are none.
 */
export type Facts = ReadonlyMap<string, string>;

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}
const schemaSchema = z.custom<Schema>((value) => typeof value === 'object' && value !== null);
const contentSchema = z.record(z.string(), z.looseObject({ schema: schemaSchema.optional() }));
const operationSchema = z.looseObject({
  'x-permission': z.string().optional(),
  'x-recent-authentication': z.boolean().optional(),
  parameters: z
    .array(
      z.looseObject({
        name: z.string(),
        in: z.string(),
        required: z.boolean().optional(),
        schema: schemaSchema,
      }),
    )
    .default([]),
  requestBody: z.looseObject({ required: z.boolean().optional(), content: contentSchema }).optional(),
  responses: z.record(z.string(), z.looseObject({ content: contentSchema.optional() })).default({}),
});
const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), schemaSchema).default({}) }).optional(),
});

export function factsOf(document: unknown): Facts {
  const facts = new Map<string, string>();
  const { paths, components } = documentSchema.parse(document);
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods))
      addOperation(facts, `${method.toUpperCase()} ${path}`, operation);
  for (const [name, schema] of Object.entries(components?.schemas ?? {}))
    addSchema(facts, `$${name}`, schema, true);
  return facts;
}

function addOperation(facts: Map<string, string>, key: string, operation: z.output<typeof operationSchema>) {
  const proven = operation['x-recent-authentication'] ? ', recently proven' : '';
  facts.set(key, `${operation['x-permission'] ?? 'open'}${proven}`);
  for (const { name, in: place, required = false, schema } of operation.parameters)
    addSchema(facts, `${key} ${place === 'query' ? '?' : `${place} `}${name}`, schema, required);
  const { requestBody } = operation;
  for (const [type, { schema }] of Object.entries(requestBody?.content ?? {}))
    addSchema(facts, `${key} ${bodyName(type, 'body')}`, schema ?? {}, requestBody?.required ?? false);
  for (const [status, { content }] of Object.entries(operation.responses)) {
    facts.set(`${key} ${status}`, 'answer');
    for (const [type, { schema }] of Object.entries(content ?? {}))
      if (!type.includes('problem')) addSchema(facts, `${key} ${bodyName(type, status)}`, schema ?? {}, true);
  }
}

function bodyName(type: string, name: string): string {
  return type === 'application/json' ? `${name}.` : `${name} as ${type}`;
}

function addSchema(facts: Map<string, string>, key: string, schema: Schema, isRequired: boolean): void {
  facts.set(key, `${isRequired ? 'required' : 'optional'} ${typeOf(schema)}`);
  const joint = key.endsWith('.') ? '' : '.';
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    addSchema(facts, `${key}${joint}${name}`, property, schema.required?.includes(name) ?? false);
  if (schema.items) addSchema(facts, `${key}[]`, schema.items, true);
  if (typeof schema.additionalProperties === 'object')
    addSchema(facts, `${key}{}`, schema.additionalProperties, true);
  for (const [at, part] of (schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []).entries())
    addSchema(facts, `${key}|${at}`, part, true);
}

function typeOf({ $ref, type, enum: values, const: constant, anyOf, oneOf, allOf }: Schema): string {
  if ($ref !== undefined) return `$${$ref.split('/').at(-1)}`;
  if (values !== undefined) return `one of ${values.map(String).toSorted().join(' ')}`;
  if (constant !== undefined) return `one of ${String(constant)}`;
  if (anyOf ?? oneOf) return 'any of';
  if (allOf) return 'all of';
  return [type ?? 'anything'].flat().toSorted().join(' or ');
}
