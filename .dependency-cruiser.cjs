/**
 * Who may import whom (docs/style.md). Every rule here is proven by a planted violation in
 * tests/architecture/import-rules.test.ts; a rule without a proof fails that test.
 */

/** Matches the packages wherever they resolve to, and also when they are not installed. */
const packages = (...names) => `(^|node_modules/)(${names.join('|')})(/|$)`;

/** Tests, and what exists for them only. */
const TESTS = '^(tests|bench)/|\\.test\\.ts$|/test-[^/]+\\.ts$';
const REPOSITORY = '^src/modules/[^/]+/repository(/|\\.ts$)';
const SERVICE = '^src/modules/[^/]+/service(/|\\.ts$)';
const API = '^src/modules/[^/]+/api/';
const ADAPTERS = '^src/modules/[^/]+/adapters/';
const SCHEMA = '^src/core/database/schema/';
/** Where core meets a vendor; the ports beside them are free to all. */
const CORE_ADAPTERS =
  '^src/core/(cache/upstash-cache|objects/(s3-[^/]+|create-vault|[^/]+-vault)|database/client)\\.ts$';

const HTTP = packages('hono', '@hono');
const DATA_VENDORS = ['@neondatabase', '@upstash', '@aws-sdk', '@smithy', '@huggingface'];

const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

const shape = [
  rule(
    'no-circular',
    'Files that need each other are one file, or hide a third that both need.',
    {},
    { circular: true },
  ),
  rule(
    'no-orphans',
    'A file that nothing uses is not maintained by anyone.',
    { orphan: true, pathNot: [TESTS, '\\.d\\.ts$', '^[^/]+\\.config\\.ts$', '^functions/[^/]+/index\\.ts$'] },
    {},
  ),
  rule(
    'product-never-imports-tests',
    'What is shipped must not need what only proves it.',
    { path: '^(src|functions)/', pathNot: TESTS },
    { path: TESTS },
  ),
];

const functions = [
  rule(
    'nothing-imports-functions',
    'Functions are leaves: what is deployed can change without anything else noticing.',
    { pathNot: ['^functions/', TESTS] },
    { path: '^functions/' },
  ),
  rule(
    'function-imports-only-its-door',
    "A function mounts its module's routes.ts; anything more would be product code outside src/.",
    { path: '^functions/(auth|storage|ai)/' },
    { pathNot: ['^functions/$1/', '^src/modules/$1/routes\\.ts$'] },
  ),
  rule(
    'gateway-function-imports-only-the-gateway',
    'The same for the gateway: its door is src/gateway/app.ts.',
    { path: '^functions/gateway/' },
    { pathNot: ['^functions/gateway/', '^src/gateway/app\\.ts$'] },
  ),
  rule(
    'monolith-imports-only-doors',
    'The monolith puts the same doors together; reaching behind one would make the compositions differ.',
    { path: '^functions/monolith/' },
    {
      pathNot: [
        '^functions/monolith/',
        '^src/modules/(auth|storage|ai)/routes\\.ts$',
        '^src/gateway/app\\.ts$',
        '^src/core/http/edge-module\\.ts$',
        '^cloudflare:workers$',
      ],
    },
  ),
  rule(
    'only-functions-mount-doors',
    'A module is reached by fetch(Request); importing its routes.ts would bypass the binding.',
    { pathNot: ['^functions/', TESTS] },
    { path: '^src/(modules/[^/]+/routes|gateway/app)\\.ts$' },
  ),
];

const modules = [
  rule(
    'modules-never-import-each-other',
    'Modules are deployed apart; they meet through src/contracts and a binding.',
    { path: '^src/modules/([^/]+)/' },
    { path: '^src/modules/', pathNot: '^src/modules/$1/' },
  ),
  rule(
    'modules-never-import-the-gateway',
    'The gateway stands in front of the modules; in split composition it is another Worker.',
    { path: '^src/modules/' },
    { path: '^src/gateway/' },
  ),
  rule(
    'gateway-knows-no-module',
    'The gateway forwards by path prefix; knowing a module would tie their releases together.',
    { path: '^src/gateway/' },
    { path: '^src/modules/' },
  ),
  rule(
    'api-knows-no-data-access',
    'A handler validates, makes one service call and replies; data access belongs behind the service.',
    { path: API, pathNot: TESTS },
    {
      path: [REPOSITORY, ADAPTERS, CORE_ADAPTERS, SCHEMA, packages('drizzle-orm', 'jose', ...DATA_VENDORS)],
    },
  ),
  rule(
    'service-knows-no-http',
    'A use case is the same whoever calls: HTTP, a queue or a test. Refusals (app-error.ts) are not HTTP.',
    { path: SERVICE, pathNot: TESTS },
    {
      path: [HTTP, '^src/core/http/', '^src/modules/[^/]+/(api/|routes\\.ts$)'],
      pathNot: '^src/core/http/app-error\\.ts$',
    },
  ),
  rule(
    'service-knows-no-vendor',
    'A use case speaks to ports, so that an adapter can be exchanged and a test needs no network.',
    { path: SERVICE, pathNot: TESTS },
    { path: packages('drizzle-orm', 'jose', 'otpauth', 'oauth4webapi', '@simplewebauthn', ...DATA_VENDORS) },
  ),
  rule(
    'repository-knows-no-http-or-service',
    'A repository function is one query; it does not know what for.',
    { path: REPOSITORY, pathNot: TESTS },
    {
      path: [
        HTTP,
        '^src/core/http/',
        '^src/modules/[^/]+/(service(/|\\.ts$)|api/|routes\\.ts$|dependencies(/|\\.ts$))',
      ],
      pathNot: '^src/core/http/app-error\\.ts$',
    },
  ),
  rule(
    'only-dependencies-wires-adapters',
    'One place says what stands behind each port, and one place is overridden in tests. Types are free.',
    {
      path: '^src/(modules|gateway)/',
      pathNot: ['^src/(modules/[^/]+|gateway)/dependencies(/|\\.ts$)', ADAPTERS, TESTS],
    },
    { path: [CORE_ADAPTERS, ADAPTERS], dependencyTypesNot: ['type-only'] },
  ),
];

const tables = [
  rule(
    'repository-touches-its-own-tables',
    "Another module's tables are its own business; what is shared is published as an SQL function.",
    { path: '^src/modules/([^/]+)/' },
    { path: SCHEMA, pathNot: `${SCHEMA}($1|published)\\.ts$` },
  ),
  rule(
    'tables-only-in-repositories',
    'Queries live in repositories, so a change of a table has one place to follow.',
    { pathNot: ['^src/core/database/', REPOSITORY, TESTS] },
    { path: SCHEMA },
  ),
  rule(
    'drizzle-only-in-database-and-repositories',
    'SQL is written in repositories over the tables of core/database, and nowhere else.',
    { pathNot: ['^src/core/database/', REPOSITORY, TESTS] },
    { path: packages('drizzle-orm') },
  ),
];

const home = (name, comment, folders, ...names) =>
  rule(name, comment, { pathNot: [...folders, TESTS] }, { path: packages(...names) });

const vendors = [
  home(
    'aws-only-in-core-objects',
    'The S3 SDK is the largest part of a bundle; Workers that store no objects must not carry it.',
    ['^src/core/objects/'],
    '@aws-sdk',
    '@smithy',
  ),
  home(
    'neon-only-in-core-database',
    'One place sets the time-out, the endpoint and the breaker of every statement.',
    ['^src/core/database/'],
    '@neondatabase',
  ),
  home(
    'upstash-only-in-core-cache',
    'One place decides what an absent Redis means.',
    ['^src/core/cache/'],
    '@upstash',
  ),
  home(
    'inference-client-only-in-ai-adapters',
    'The one inference client is an adapter of the AI module: sidecar and hosted models differ by a URL.',
    ['^src/modules/ai/adapters/'],
    '@huggingface/inference',
  ),
  home(
    'transformers-only-in-sidecar',
    'Models run in Node; their run time does not fit into a Worker.',
    ['^src/sidecar/'],
    '@huggingface/transformers',
  ),
  home(
    'jose-only-in-security-and-auth',
    'Tokens are verified in core/security and issued by auth; a third place would be a second opinion.',
    ['^src/core/security/', '^src/modules/auth/'],
    'jose',
  ),
];

const layers = [
  rule(
    'core-never-looks-up',
    'core is what everything stands on; it cannot stand on what is above.',
    { path: '^src/core/', pathNot: TESTS },
    { path: '^src/', pathNot: ['^src/core/', TESTS] },
  ),
  rule(
    'contracts-never-look-up',
    'A contract belongs to both sides of a boundary and so to neither; it may use core only.',
    { path: '^src/contracts/', pathNot: TESTS },
    { path: '^src/', pathNot: ['^src/(contracts|core)/', TESTS] },
  ),
  rule(
    'edge-never-imports-node-side',
    'sidecar and local run on Node with its file system and processes; workerd has neither.',
    { path: '^src/(modules|gateway|core|contracts)/', pathNot: TESTS },
    { path: '^src/(sidecar|local)/' },
  ),
  rule(
    'sidecar-holds-no-state',
    'The sidecar is a stateless replica without database credentials: contracts and the pure parts of core.',
    { path: '^src/sidecar/', pathNot: TESTS },
    {
      path: '^src/',
      pathNot: [
        '^src/(sidecar|contracts)/',
        '^src/core/(config/config|telemetry/[a-z-]+|security/service-token|http/(app-error|trace|route)|objects/envelope)\\.ts$',
        TESTS,
      ],
    },
  ),
  rule(
    'cli-and-web-use-only-the-client',
    'What people touch goes through the public API, like everyone else.',
    { path: '^src/(cli|web)/', pathNot: TESTS },
    { path: '^src/', pathNot: ['^src/(cli|web|client)/', TESTS] },
  ),
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [...shape, ...functions, ...modules, ...tables, ...vendors, ...layers],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(\\.wrangler|\\.data|dist|coverage)/' },
    // Types are dependencies too: what a file names, it is bound to.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js', '.json', '.d.ts'],
      exportsFields: ['exports'],
      conditionNames: ['workerd', 'import', 'node', 'default', 'types'],
    },
  },
};
