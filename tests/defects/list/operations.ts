import type { Defect } from '../defect.ts';

const HEALTH = ['src/core/http/health.test.ts'];
const GATEWAY = ['src/gateway/app.test.ts'];
const CALLER = ['src/core/http/limit-caller.test.ts'];
const STORE = ['src/core/objects/s3-object-store.test.ts'];

/** HEALTH, FAULTS, SUPPLY: what an operator relies on; S60: limits of whoever is known. */
export const OPERATIONS_DEFECTS: readonly Defect[] = [
  {
    claim: 'HEALTH',
    title: 'a module is dead without what it can do without',
    file: 'src/core/http/health.ts',
    find: 'missing.some(([, { required }]) => required)',
    replace: 'missing.length > 0',
    tests: HEALTH,
    by: 'is degraded, and goes on, without what it can do without',
  },
  {
    claim: 'HEALTH',
    title: 'a module is ready without what it needs',
    file: 'src/core/http/health.ts',
    find: 'missing.some(([, { required }]) => required)',
    replace: 'false',
    tests: HEALTH,
    by: 'is unavailable without what it needs',
  },
  {
    claim: 'HEALTH',
    title: 'each question of anybody is one to every dependency',
    file: 'src/core/http/health.ts',
    find: 'if (!isFresh) remembered.set(',
    replace: 'if (false) remembered.set(',
    tests: HEALTH,
    by: 'asks its dependencies once however many ask it',
  },
  {
    claim: 'HEALTH',
    title: 'what has started starts again with every outage',
    file: 'src/gateway/app.ts',
    find: 'started.add(c.env);',
    replace: '',
    tests: GATEWAY,
    by: 'has started once it was ready, whatever comes later',
  },
  {
    claim: 'HEALTH',
    title: 'code runs on a database that is behind it',
    file: 'src/core/database/latest-migration.ts',
    find: 'if (rows[0]?.isThere !== true)',
    replace: 'if (rows.length === 0)',
    tests: ['src/core/database/latest-migration.test.ts'],
    by: 'a database that is behind the code is a fault of the environment',
  },
  {
    claim: 'S60',
    title: 'writes of somebody who is over the limit are done',
    file: 'src/core/http/limit-caller.ts',
    find: 'if (!isRead) refuseOverLimit(...(await counting));',
    replace: '',
    tests: CALLER,
    by: 'a user has so many calls of each kind, and writes beyond that do nothing',
  },
  {
    claim: 'S60',
    title: 'reads of somebody who is over the limit are answered',
    file: 'src/core/http/limit-caller.ts',
    find: '  refuseOverLimit(...decisions);',
    replace: '',
    tests: CALLER,
    by: 'a key has its own, within those of its user',
  },
  {
    claim: 'S60',
    title: 'whoever leaves makes no room',
    file: 'src/gateway/in-flight.ts',
    find: '      all -= 1;',
    replace: '',
    tests: ['src/gateway/in-flight.test.ts'],
    by: 'all of them together get no more than there is',
  },
  {
    claim: 'FAULTS',
    title: 'any 200 is taken for a stored object',
    file: 'src/core/objects/s3-object-store.ts',
    find: "return headers.has('etag');",
    replace: 'return headers !== undefined;',
    tests: STORE,
    by: 'what says 200 and names no object that it has stored is no object store',
  },
  {
    claim: 'SUPPLY',
    title: 'one free licence is enough where all are in force',
    file: 'src/local/licences.ts',
    find: "plain.split(' AND ').every(",
    replace: "plain.split(' AND ').some(",
    tests: ['src/local/licences.test.ts'],
    by: 'may not',
  },
  {
    claim: 'SUPPLY',
    title: 'a registry that does not answer knows of no holes',
    file: 'src/local/licences.ts',
    find: 'if (!parsed.success) return undefined;',
    replace: 'if (!parsed.success) return [];',
    tests: ['src/local/licences.test.ts'],
    by: 'a registry that does not answer is not taken',
  },
];
