import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { contractBreaks } from './contract-breaks.ts';
import { type Facts, factsOf } from './contract-facts.ts';
import { contractOf, modules } from './public-contract.ts';

const FILE = join(import.meta.dirname, '../../docs/api-v1.txt');
/** `UPDATE_DOCS=1 npx vitest run --project unit tests/architecture/contract-v1.test.ts` writes what was added. */
const UPDATE = process.env.UPDATE_DOCS === '1';

async function published(): Promise<Facts> {
  const facts = new Map<string, string>();
  for (const module of await modules())
    for (const [key, value] of factsOf(await contractOf(module))) facts.set(key, value);
  return facts;
}

const linesOf = (facts: Facts) => [...facts].map(([key, value]) => `${key} -> ${value}`).toSorted();

async function recorded(): Promise<Facts> {
  const text = await readFile(FILE, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line.includes(' -> '));
  return new Map(
    lines.map((line) => {
      const [key = '', value = ''] = line.split(' -> ');
      return [key, value];
    }),
  );
}

describe('/v1', () => {
  test('keeps what clients rely on', async () => {
    expect(contractBreaks(await recorded(), await published())).toEqual([]);
  });

  test('is recorded with all that was added to it', async () => {
    const facts = await published();
    if (UPDATE && contractBreaks(await recorded(), facts).length === 0)
      await writeFile(FILE, `${linesOf(facts).join('\n')}\n`);
    expect(linesOf(await recorded())).toEqual(linesOf(facts));
    expect(facts.size).toBeGreaterThan(1_000);
  });
});

const thing = {
  type: 'object',
  properties: { id: { type: 'string' }, kind: { enum: ['file', 'folder'] }, note: { type: 'string' } },
  required: ['id', 'kind'],
};
const order = {
  type: 'object',
  properties: { name: { type: 'string' }, sort: { enum: ['a', 'b'] }, more: { type: 'integer' } },
  required: ['name'],
};
const documentOf = (
  changes: { thing?: object; order?: object; operation?: object; paths?: object } = {},
) => ({
  paths: {
    '/v1/things': {
      post: {
        'x-permission': 'files:write',
        parameters: [{ name: 'limit', in: 'query', required: false, schema: { type: 'integer' } }],
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } },
        },
        responses: {
          201: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
          404: {},
        },
        ...changes.operation,
      },
    },
    ...changes.paths,
  },
  components: { schemas: { Thing: { ...thing, ...changes.thing }, Order: { ...order, ...changes.order } } },
});
const breaksBy = (changes: Parameters<typeof documentOf>[0]) =>
  contractBreaks(factsOf(documentOf()), factsOf(documentOf(changes)));
const { note, ...withoutNote } = thing.properties;
const { more, ...withoutMore } = order.properties;
const limit = (change: object) => ({
  operation: {
    parameters: [{ name: 'limit', in: 'query', required: false, schema: { type: 'integer' }, ...change }],
  },
});

describe('a change', () => {
  test.each([
    ['an operation is gone', { paths: { '/v1/things': {} } }, 'POST /v1/things is gone'],
    ['another permission', { operation: { 'x-permission': 'files:share' } }, 'was files:write'],
    ['a parameter is gone', { operation: { parameters: [] } }, '?limit is gone'],
    ['a parameter becomes required', limit({ required: true }), '?limit has become required'],
    ['a parameter has another type', limit({ schema: { type: 'string' } }), '?limit was integer'],
    ['a field of the request is gone', { order: { properties: withoutMore } }, '$Order.more is gone'],
    [
      'a field becomes required',
      { order: { required: ['name', 'more'] } },
      '$Order.more has become required',
    ],
    [
      'a required field is new',
      { order: { properties: { ...order.properties, why: { type: 'string' } }, required: ['name', 'why'] } },
      '$Order.why is newly required',
    ],
    [
      'a value is not taken any more',
      { order: { properties: { ...order.properties, sort: { enum: ['a'] } } } },
      '$Order.sort was one of a b',
    ],
    ['a field of the answer is gone', { thing: { properties: withoutNote } }, '$Thing.note is gone'],
    ['a field of the answer may be missing', { thing: { required: ['id'] } }, '$Thing.kind may be missing'],
    [
      'a field of the answer has another type',
      { thing: { properties: { ...thing.properties, id: { type: 'integer' } } } },
      '$Thing.id was string',
    ],
    ['success is another status', { operation: { responses: { 200: {} } } }, 'POST /v1/things 201 is gone'],
  ])('by which %s breaks clients', (_what, changes, sentence) => {
    expect(breaksBy(changes).join('\n')).toContain(sentence);
  });

  test.each([
    ['an operation is new', { paths: { '/v1/others': { get: { responses: { 200: {} } } } } }],
    [
      'an optional parameter is new',
      {
        operation: {
          parameters: [
            { name: 'limit', in: 'query', required: false, schema: { type: 'integer' } },
            { name: 'q', in: 'query', schema: { type: 'string' } },
          ],
        },
      },
    ],
    ['an optional field is new', { order: { properties: { ...order.properties, why: { type: 'string' } } } }],
    ['a field may be left out', { order: { required: [] } }],
    [
      'the answer has more',
      {
        thing: {
          properties: { ...thing.properties, size: { type: 'integer' } },
          required: ['id', 'kind', 'size'],
        },
      },
    ],
    [
      'a value is new',
      { thing: { properties: { ...thing.properties, kind: { enum: ['file', 'folder', 'link'] } } } },
    ],
  ])('by which %s does not', (_what, changes) => {
    expect(breaksBy(changes)).toEqual([]);
  });
});
