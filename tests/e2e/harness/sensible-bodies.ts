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
};

/** Headers without which TUS is not spoken to. */
export const TUS_CHUNK: Readonly<Record<string, string>> = {
  'tus-resumable': '1.0.0',
  'content-type': 'application/offset+octet-stream',
  'upload-offset': '0',
  'upload-length': '2',
};
