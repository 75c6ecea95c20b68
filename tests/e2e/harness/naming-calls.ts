/** The id that a path parameter has. */
export type IdOf = (parameter: string, path: string) => string;
type Naming = (idOf: IdOf) => { readonly query?: Readonly<Record<string, string>>; readonly json?: unknown };
const file = (idOf: IdOf) => idOf('id', '/v1/files/{id}');
const drive = (idOf: IdOf) => idOf('driveId', '/v1/drives/{driveId}');

/** Calls of the AI module that name things in a query or a body. `{driveId}` is the caller's own drive. */
export const NAMING: readonly (readonly [string, Naming])[] = [
  ['GET /v1/search', (idOf) => ({ query: { q: 'nothing', folderId: file(idOf) } })],
  ['GET /v1/search', (idOf) => ({ query: { q: 'nothing', driveId: drive(idOf) } })],
  [
    'GET /v1/search',
    (idOf) => ({ query: { q: 'nothing', owner: idOf('userId', ''), facets: 'type,owner' } }),
  ],
  ['GET /v1/search', (idOf) => ({ query: { q: 'nothing', category: idOf('labelId', '') } })],
  ['GET /v1/search', (idOf) => ({ query: { q: 'nothing', freshness: idOf('versionId', '') } })],
  ['GET /v1/search/explain', (idOf) => ({ query: { q: 'nothing', fileId: file(idOf) } })],
  ['GET /v1/analyses', (idOf) => ({ query: { cursor: idOf('versionId', '') } })],
  ['GET /v1/batches', (idOf) => ({ query: { cursor: idOf('id', '/v1/batches/{id}') } })],
  ['POST /v1/ask', (idOf) => ({ json: { question: 'What is to see?', filters: { folderId: file(idOf) } } })],
  ['POST /v1/batches', (idOf) => ({ json: { operation: 'analyse', selection: { fileIds: [file(idOf)] } } })],
  [
    'POST /v1/batches',
    (idOf) => ({ json: { operation: 're-analyse', selection: { folderId: file(idOf) } } }),
  ],
  [
    'POST /v1/batches',
    (idOf) => ({
      json: { operation: 'extract', selection: { query: { filters: { driveId: drive(idOf) } } } },
    }),
  ],
  ['GET /v1/drives/{driveId}/labels', (idOf) => ({ query: { cursor: idOf('labelId', '') } })],
  ['GET /v1/drives/{driveId}/rules', (idOf) => ({ query: { cursor: idOf('ruleId', '') } })],
  ['POST /v1/drives/{driveId}/labels', (idOf) => ({ json: { name: 'mine', examples: [file(idOf)] } })],
  [
    'POST /v1/drives/{driveId}/rules',
    (idOf) => ({ json: { label: 'invoice', action: { kind: 'move', folderId: file(idOf) } } }),
  ],
  [
    'POST /v1/drives/{driveId}/rules',
    (idOf) => ({ json: { label: idOf('labelId', ''), action: { kind: 'tag', tag: 'mine' } } }),
  ],
];
