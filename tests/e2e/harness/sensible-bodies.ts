/** The embedding model that is in use: choosing it changes nothing for anybody else. */
export const MODEL = 'all-MiniLM-L6-v2';

/**
 * What would have an effect for whoever may, by operation. Without these a call would be refused for its body, before
 * anybody asks who sent it.
 */
export const sensibleBodies: Readonly<Record<string, unknown>> = {
  'PATCH /v1/files/{id}': { name: 'taken over' },
  'POST /v1/files/{id}/copy': {},
  'POST /v1/files/{id}/grants': { principal: { kind: 'user', email: 'me@example.com' }, role: 'manager' },
  'PATCH /v1/files/{id}/grants/{grantId}': { role: 'manager' },
  'POST /v1/files/{id}/links': { mode: 'download' },
  'POST /v1/files/{id}/comments': { text: 'seen' },
  'PATCH /v1/files/{id}/versions/{versionId}': { label: 'mine' },
  'PATCH /v1/links/{linkId}': { password: 'known', expiresAt: null },
  'PATCH /v1/drives/{driveId}': { trashDays: 1, keepVersions: 1 },
  'PUT /v1/admin/storage/drives/{driveId}/quota': { quotaBytes: 1, quotaEntries: 1 },
  'POST /v1/uploads/{id}/parts': { first: 1, count: 1 },
  'PATCH /v1/webhooks/{id}': { active: false },
  'POST /v1/ask': { question: 'What is there to see?' },
  'POST /v1/files/{id}/analysis': { stages: ['text', 'vectors', 'steps'] },
  'PUT /v1/files/{id}/categories/{label}': { correct: false },
  'POST /v1/drives/{driveId}/labels': { name: 'planted', description: 'Everything.' },
  'PATCH /v1/drives/{driveId}/labels/{labelId}': { name: 'taken over', examples: [] },
  'POST /v1/drives/{driveId}/rules': { label: 'invoice', action: { kind: 'tag', tag: 'planted' } },
  'PATCH /v1/drives/{driveId}/rules/{ruleId}': { enabled: false },
  'PUT /v1/drives/{driveId}/fields/{name}': { type: 'number', description: 'Of theirs.' },
  'PUT /v1/drives/{driveId}/plugins/{name}': { enabled: true },
  'PUT /v1/drives/{driveId}/models/{task}': { model: MODEL },
  'PUT /v1/models/defaults/{task}': { model: MODEL },
  'POST /v1/batches': { operation: 're-analyse', selection: { query: { q: 'nothing' } } },
};

/** Headers without which TUS is not spoken to. */
export const TUS_CHUNK: Readonly<Record<string, string>> = {
  'tus-resumable': '1.0.0',
  'content-type': 'application/offset+octet-stream',
  'upload-offset': '0',
  'upload-length': '2',
};
