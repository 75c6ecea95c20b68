import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nameKey, numberedName } from '../models/names.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

type Conflict = 'fail' | 'rename' | 'replace';
/** Entries are named by the order of their making, the same in the model and in the product; -1 is the root. */
type Step =
  | { readonly do: 'folder'; readonly into: number; readonly name: string; readonly conflict: Conflict }
  | { readonly do: 'rename'; readonly of: number; readonly name: string; readonly conflict: Conflict }
  | { readonly do: 'move'; readonly of: number; readonly into: number; readonly conflict: Conflict }
  | { readonly do: 'copy'; readonly of: number; readonly into: number; readonly conflict: Conflict };

interface Node {
  readonly kind: 'file' | 'folder';
  readonly name: string;
  readonly parent: Node | null;
}
/** What was made by number, and what is in the tree: copies of what is in a folder have no number. */
interface Model {
  readonly made: (Node | undefined)[];
  readonly nodes: Set<Node>;
}

const childrenOf = ({ nodes }: Model, parent: Node | null) =>
  [...nodes].filter((node) => node.parent === parent);
const isWithin = (node: Node | null, root: Node): boolean =>
  node !== null && (node === root || isWithin(node.parent, root));

/** Changes a node in its place, so that everything that points at it goes along. */
const set = (node: Node, change: Partial<Node>) => Object.assign(node, change);

/** The name, or the code of the refusal; with `replace` the file in the way is gone. */
function settle(
  model: Model,
  self: Node | null,
  source: Node | null,
  kind: Node['kind'],
  place: Node | null,
  name: string,
  conflict: Conflict,
) {
  const siblings = childrenOf(model, place).filter((node) => node !== self);
  const taken = (candidate: string) => siblings.find((node) => nameKey(node.name) === nameKey(candidate));
  const inTheWay = taken(name);
  if (inTheWay === undefined) return { name };
  if (conflict === 'rename') {
    for (let number = 2; ; number += 1)
      if (taken(numberedName(name, number)) === undefined) return { name: numberedName(name, number) };
  }
  if (conflict === 'fail' || kind === 'folder' || inTheWay.kind === 'folder' || inTheWay === source)
    return 'name_conflict';
  return { name, replaces: inTheWay };
}

function placeOf(model: Model, into: number): Node | null | 'folder_not_found' {
  if (into === -1) return null;
  const node = model.made[into];
  return node !== undefined && model.nodes.has(node) && node.kind === 'folder' ? node : 'folder_not_found';
}

function copyBelow(model: Model, source: Node, copy: Node): void {
  // As it was: what is made meanwhile is not copied again.
  const plan: [Node, Node][] = [[source, copy]];
  const added: Node[] = [];
  for (const [from, to] of plan)
    for (const child of childrenOf(model, from)) {
      const twin: Node = { ...child, parent: to };
      added.push(twin);
      plan.push([child, twin]);
    }
  for (const node of [copy, ...added]) model.nodes.add(node);
}

/** What the product has to answer, and the tree afterwards. */
function apply(model: Model, step: Step, number: number): string {
  if (step.do === 'folder') {
    const place = placeOf(model, step.into);
    if (place === 'folder_not_found') return place;
    const same = childrenOf(model, place).find((node) => nameKey(node.name) === nameKey(step.name));
    if (step.conflict === 'replace' && same?.kind === 'folder') return `found ${same.name}`;
    const settled = settle(model, null, null, 'folder', place, step.name, step.conflict);
    if (typeof settled === 'string') return settled;
    const node: Node = { kind: 'folder', name: settled.name, parent: place };
    model.made[number] = node;
    model.nodes.add(node);
    return settled.name;
  }
  const node = model.made[step.of];
  if (node === undefined || !model.nodes.has(node)) return 'file_not_found';
  const place = step.do === 'rename' ? node.parent : placeOf(model, step.into);
  if (place === 'folder_not_found') return place;
  if (step.do === 'move' && isWithin(place, node)) return 'folder_cycle';
  const isCopy = step.do === 'copy';
  const wanted = step.do === 'rename' ? step.name : node.name;
  const settled = settle(
    model,
    isCopy ? null : node,
    isCopy ? node : null,
    node.kind,
    place,
    wanted,
    step.conflict,
  );
  if (typeof settled === 'string') return settled;
  if (settled.replaces) model.nodes.delete(settled.replaces);
  if (!isCopy) set(node, { name: settled.name, parent: place });
  else {
    const copy: Node = { kind: node.kind, name: settled.name, parent: place };
    copyBelow(model, node, copy);
    model.made[number] = copy;
  }
  return settled.name;
}

function clone({ made, nodes }: Model): Model {
  const twins = new Map<Node, Node>(
    [...nodes, ...made.filter((node) => node !== undefined)].map((node) => [node, { ...node }]),
  );
  for (const twin of twins.values()) set(twin, { parent: twin.parent && (twins.get(twin.parent) ?? null) });
  return {
    made: made.map((node) => node && twins.get(node)),
    nodes: new Set([...nodes].flatMap((node) => twins.get(node) ?? [])),
  };
}

function pathsOf(model: Model): string[] {
  const path = (node: Node): string => `${node.parent ? path(node.parent) : ''}/${node.name}`;
  return [...model.nodes].map((node) => `${node.kind} ${path(node)}`).sort();
}

/** The product as the model sees it. */
class Real {
  readonly user: TestUser;
  readonly ids: (string | undefined)[] = [];
  constructor(user: TestUser) {
    this.user = user;
  }

  async apply(step: Step, number: number): Promise<string> {
    const idOf = (index: number) => this.ids[index] ?? `file_${'0'.repeat(32)}`;
    const into = 'into' in step ? { parentId: step.into === -1 ? null : idOf(step.into) } : {};
    const { conflict } = step;
    const answer =
      step.do === 'folder'
        ? await this.user.call('POST', '/v1/folders', { json: { name: step.name, conflict, ...into } })
        : step.do === 'copy'
          ? await this.user.call('POST', `/v1/files/${idOf(step.of)}/copy`, { json: { conflict, ...into } })
          : await this.user.call('PATCH', `/v1/files/${idOf(step.of)}`, {
              json: { conflict, ...into, ...(step.do === 'rename' ? { name: step.name } : {}) },
            });
    if (answer.status === 201) this.ids[number] = answer.body.id;
    if (answer.status >= 400) return answer.body.code;
    return step.do === 'folder' && answer.status === 200 ? `found ${answer.body.name}` : answer.body.name;
  }

  /** Page by page from the root, so that lists and paths are part of the proof. */
  async paths(placeId?: string): Promise<string[]> {
    const found: string[] = [];
    for (let cursor = ''; ; ) {
      const query = new URLSearchParams({
        limit: '3',
        sort: 'name',
        ...(placeId ? { parentId: placeId } : {}),
        ...(cursor ? { cursor } : {}),
      });
      const { body } = await this.user.call('GET', `/v1/files?${query}`);
      for (const { id, kind, path } of body.items)
        found.push(`${kind} ${path}`, ...(kind === 'folder' ? await this.paths(id) : []));
      if (body.nextCursor === null) return found.sort();
      cursor = body.nextCursor;
    }
  }
}

const name = fc.constantFrom('a', 'A', 'b.txt', 'B.TXT', 'é', 'e\u0301', '🎉');
const conflict = fc.constantFrom<Conflict>('fail', 'rename', 'replace');
const known = fc.integer({ min: 0, max: 11 });
const into = fc.integer({ min: -1, max: 11 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('folder' as const), into, name, conflict }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rename' as const), of: known, name, conflict }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('move' as const), of: known, into, conflict }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('copy' as const), of: known, into, conflict }) },
);

/** Two files and two folders to begin with, numbers 0 to 3. */
async function begin(): Promise<{ real: Real; model: Model }> {
  const real = new Real(await system.newUser());
  real.ids.push(await real.user.file('a'), await real.user.file('b.txt'));
  real.ids.push(await real.user.folder('x'), await real.user.folder('y'));
  const at = (kind: Node['kind'], called: string): Node => ({ kind, name: called, parent: null });
  const made = [at('file', 'a'), at('file', 'b.txt'), at('folder', 'x'), at('folder', 'y')];
  return { real, model: { made, nodes: new Set(made) } };
}

const LIMIT = { interruptAfterTimeLimit: 8_000, verbose: 1 } as const;

test('the tree is what a simple model says after every sequence of steps', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const { real, model } = await begin();
      for (const [index, each] of steps.entries())
        expect(await real.apply(each, 4 + index), JSON.stringify(each)).toBe(apply(model, each, 4 + index));
      expect(await real.paths()).toEqual(pathsOf(model));
    }),
    { ...LIMIT, numRuns: 60 },
  );
}, 40_000);

function* orders<T>(items: readonly T[]): Generator<T[]> {
  if (items.length === 0) yield [];
  for (const [index, item] of items.entries())
    for (const rest of orders(items.filter((_, other) => other !== index))) yield [item, ...rest];
}

test('steps at the same moment come out as if they had been done in some order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 5 }),
      fc.array(step, { minLength: 2, maxLength: 4 }),
      async (before, together) => {
        const { real, model } = await begin();
        for (const [index, each] of before.entries()) {
          await real.apply(each, 4 + index);
          apply(model, each, 4 + index);
        }
        const first = 4 + before.length;
        const numbered = together.map((each, index) => ({ each, number: first + index }));
        const answers = await Promise.all(numbered.map(({ each, number }) => real.apply(each, number)));
        const outcome = JSON.stringify([answers, await real.paths()]);
        const possible = [...orders(numbered)].map((order) => {
          const twin = clone(model);
          const told = new Map(order.map(({ each, number }) => [number, apply(twin, each, number)]));
          return JSON.stringify([numbered.map(({ number }) => told.get(number)), pathsOf(twin)]);
        });
        expect(possible, outcome).toContain(outcome);
      },
    ),
    { ...LIMIT, numRuns: 60 },
  );
}, 40_000);
