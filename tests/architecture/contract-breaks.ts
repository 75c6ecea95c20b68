import type { Facts } from './contract-facts.ts';

/** Where something is said: by a client, by the service, or, in a part that both use, by either. */
type Side = 'request' | 'response' | 'both';

/** What clients of `before` rely on and `after` does not keep, in sentences (docs/api-versions.md has the rules). */
export function contractBreaks(before: Facts, after: Facts): string[] {
  const sides = sidesOfComponents(before);
  return [
    ...[...before].flatMap(([key, value]) => changeOf(key, value, after.get(key), sideOf(key, sides))),
    ...[...after].flatMap(([key, value]) => {
      const isNewlyRequired =
        !before.has(key) && value.startsWith('required') && sideOf(key, sides) !== 'response';
      return isNewlyRequired && ownerIsKnown(key, before, after) ? [`${key} is newly required`] : [];
    }),
  ];
}

function changeOf(key: string, before: string, after: string | undefined, side: Side): string[] {
  if (after === undefined) {
    // Fewer ways to fail break nobody.
    const isRefusal = / [45]\d\d$/.test(key);
    return isRefusal ? [] : [`${key} is gone`];
  }
  if (before === after) return [];
  const [wasNeeded, was] = split(before);
  const [isNeeded, is] = split(after);
  const faults: string[] = [];
  if (side !== 'response' && wasNeeded === 'optional' && isNeeded === 'required')
    faults.push(`${key} has become required`);
  if (side !== 'request' && wasNeeded === 'required' && isNeeded === 'optional')
    faults.push(`${key} may be missing now`);
  if (was !== is && !isWider(was, is, side)) faults.push(`${key} was ${was}, and is ${is}`);
  return faults;
}

function split(value: string): [needed: string, type: string] {
  const [, needed = '', type = value] = /^(required|optional) (.*)$/.exec(value) ?? [];
  return [needed, type];
}

/** More values: a client may send what it sent before, and has been told to expect what it does not know. */
function isWider(was: string, is: string, side: Side): boolean {
  const values = (type: string) => (type.startsWith('one of ') ? type.slice(7).split(' ') : undefined);
  const [known, now] = [values(was), values(is)];
  if (known === undefined || now === undefined) return false;
  return side === 'response' || known.every((value) => now.includes(value));
}

function sideOf(key: string, sides: ReadonlyMap<string, Side>): Side {
  const component = /^\$[A-Za-z0-9_-]+/.exec(key)?.[0];
  if (component !== undefined) return sides.get(component) ?? 'both';
  return /^\S+ \S+ \d{3}/.test(key) ? 'response' : 'request';
}

/** Which components clients send, and which they get. */
function sidesOfComponents(facts: Facts): Map<string, Side> {
  const sides = new Map<string, Side>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const [key, value] of facts) {
      const used = /\$[A-Za-z0-9_-]+$/.exec(value)?.[0];
      const isKnown = !key.startsWith('$') || sides.has(/^\$[A-Za-z0-9_-]+/.exec(key)?.[0] ?? '');
      if (used === undefined || !isKnown) continue;
      const side = sideOf(key, sides);
      const had = sides.get(used);
      const joined = had === undefined || had === side ? side : 'both';
      if (had !== joined) changed = true;
      sides.set(used, joined);
    }
  }
  return sides;
}

/** What is required inside of something new is for nobody yet. */
function ownerIsKnown(key: string, before: Facts, after: Facts): boolean {
  const owner = key.startsWith('$') ? /^\$[A-Za-z0-9_-]+/.exec(key)?.[0] : /^\S+ [^\s]+/.exec(key)?.[0];
  const parents = [...after.keys()].filter(
    (other) =>
      other !== key &&
      other !== owner &&
      key.startsWith(other) &&
      /^[.[{|]|\.$/.test(key.slice(other.length)[0] ?? ''),
  );
  return before.has(owner ?? '') && parents.every((parent) => before.has(parent) || !after.has(parent));
}
