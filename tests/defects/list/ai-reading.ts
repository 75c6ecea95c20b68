import type { Defect } from '../defect.ts';

const SIDECAR = 'src/sidecar';
const READ = [`${SIDECAR}/reading/read-document.test.ts`];
const HOSTILE = [`${SIDECAR}/reading/hostile.test.ts`];
const APP = [`${SIDECAR}/app.test.ts`];
const ZIP = `${SIDECAR}/zip.ts`;
const ARCHIVE = `${SIDECAR}/reading/formats/archive.ts`;
const POOL = `${SIDECAR}/process-pool.ts`;
const OBJECTS = `${SIDECAR}/object-source.ts`;

/** What the sidecar does with documents of strangers, and whom it answers. */
export const AI_READING_DEFECTS: readonly Defect[] = [
  {
    claim: 'S40',
    title: 'a document that unpacks to too much is unpacked',
    file: ZIP,
    find: '  refuseBomb(entries, start, limits);\n  return entries;',
    replace: '  return entries;',
    tests: READ,
    by: 'refuses a zip bomb before unpacking it',
  },
  {
    claim: 'S40',
    title: 'an archive unpacks to more than its directory says',
    file: ZIP,
    find: 'inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.uncompressedSize) })',
    replace: 'inflateRawSync(packed)',
    tests: READ,
    by: 'refuses an archive whose directory lies about its sizes',
  },
  {
    claim: 'S40',
    title: 'archives in archives are opened as deep as they go',
    file: ARCHIVE,
    find: 'if (level >= limits.depth)',
    replace: 'if (level >= limits.entries)',
    tests: HOSTILE,
    by: 'refuses archives in archives that go on and on',
  },
  {
    claim: 'S41',
    title: 'a header may promise any number of pixels',
    file: `${SIDECAR}/images.ts`,
    find: 'limitInputPixels: pixels,',
    replace: 'limitInputPixels: false,',
    tests: [`${SIDECAR}/reading/pictures/pictures.test.ts`],
    by: 'pixels in a square is refused by its header',
  },
  {
    claim: 'F3',
    title: 'a document takes as long as it likes',
    file: POOL,
    find: "const timer = setTimeout(() => settle('too-long'), milliseconds);",
    replace: 'const timer = setTimeout(() => undefined, milliseconds);',
    tests: APP,
    by: 'ends a document that takes too long and reads the next one',
  },
  {
    claim: 'F3',
    title: 'a document that fills the memory of its process has failed without a reason',
    file: POOL,
    find: "by === 'SIGABRT' ? 'too-much-memory' : 'stopped'",
    replace: "'stopped'",
    tests: APP,
    by: 'survives a document that needs too much memory',
  },
  {
    claim: 'F2',
    title: 'documents queue without end',
    file: `${SIDECAR}/turns.ts`,
    find: "if (waiting.length >= most) throw sidecarError('overloaded'",
    replace: "if (waiting.length >= 1000 * most + 1000) throw sidecarError('overloaded'",
    tests: APP,
    by: 'answers 429 when too many documents wait',
  },
  {
    claim: 'S46',
    title: 'the sidecar works for whoever reaches it',
    file: `${SIDECAR}/app.ts`,
    find: "app.use('/v1/*', authenticateService(dependencies), limitBody());",
    replace: "app.use('/v1/*', limitBody());",
    tests: APP,
    by: 'refuses a token for another service, of another secret, or expired',
  },
  {
    claim: 'S46',
    title: 'the token of another service opens the sidecar',
    file: `${SIDECAR}/app.ts`,
    find: "(await verifyServiceToken(serviceTokenSecret, token, 'sidecar', now())) === undefined",
    replace:
      "(await verifyServiceToken(serviceTokenSecret, token, 'sidecar', now())) === undefined && (await verifyServiceToken(serviceTokenSecret, token, 'storage', now())) === undefined",
    tests: APP,
    by: 'refuses a token for another service, of another secret, or expired',
  },
  {
    claim: 'S45',
    title: 'the sidecar fetches from wherever it is told to',
    file: OBJECTS,
    find: "wanted.origin !== origin || wanted.username !== ''",
    replace: "wanted.origin === 'null' || wanted.username !== ''",
    tests: APP,
    by: 'http://169.254.169.254/latest',
  },
  {
    claim: 'S45',
    title: 'a redirect leads the sidecar away from the object store',
    file: OBJECTS,
    find: "redirect: 'error'",
    replace: "redirect: 'follow'",
    tests: APP,
    by: 'does not follow a redirect',
  },
  {
    claim: 'reading',
    title: 'nobody is told that a text was cut off',
    file: `${SIDECAR}/reading/read-document.ts`,
    find: '...(truncated === undefined ? {} : { truncated }),',
    replace: '',
    tests: READ,
    by: 'says what it cut off',
  },
  {
    claim: 'models',
    title: 'a model answers with the vectors that another one has made of a text',
    file: `${SIDECAR}/models/embedder.ts`,
    find: 'vector: `${model.id} ${source} ${purpose}',
    replace: 'vector: `${purpose}',
    tests: [`${SIDECAR}/models/manager.test.ts`],
    by: 'answers with vectors of each one’s dimensions, at the same time',
  },
];
