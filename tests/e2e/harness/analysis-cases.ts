import type { Case, Fixture } from './role-cases.ts';
import { MODEL } from './sensible-bodies.ts';

/** Of the AI module: what is known of files, and what a drive has set up. */
export const ANALYSIS_CASES: Readonly<Record<string, (at: Fixture) => Case>> = {
  'POST /v1/files/{id}/analysis': ({ file }) => ['POST', `/v1/files/${file}/analysis`, { json: {} }],
  'GET /v1/files/{id}/text': ({ file }) => ['GET', `/v1/files/${file}/text`],
  'GET /v1/files/{id}/similar': ({ file }) => ['GET', `/v1/files/${file}/similar`],
  'GET /v1/files/{id}/categories': ({ file }) => ['GET', `/v1/files/${file}/categories`],
  'PUT /v1/files/{id}/categories/{label}': ({ file, label }) => [
    'PUT',
    `/v1/files/${file}/categories/${label}`,
    { json: { correct: true } },
  ],
  'DELETE /v1/files/{id}/categories/{label}': ({ file, label }) => [
    'DELETE',
    `/v1/files/${file}/categories/${label}`,
  ],
  'GET /v1/drives/{driveId}/labels': ({ driveId }) => ['GET', `/v1/drives/${driveId}/labels`],
  'POST /v1/drives/{driveId}/labels': ({ driveId, folder }) => [
    'POST',
    `/v1/drives/${driveId}/labels`,
    { json: { name: `new of ${folder}` } },
  ],
  'PATCH /v1/drives/{driveId}/labels/{labelId}': ({ driveId, label }) => [
    'PATCH',
    `/v1/drives/${driveId}/labels/${label}`,
    { json: { description: 'changed' } },
  ],
  'DELETE /v1/drives/{driveId}/labels/{labelId}': ({ driveId, doomedLabel }) => [
    'DELETE',
    `/v1/drives/${driveId}/labels/${doomedLabel}`,
  ],
  'GET /v1/drives/{driveId}/rules': ({ driveId }) => ['GET', `/v1/drives/${driveId}/rules`],
  'POST /v1/drives/{driveId}/rules': ({ driveId }) => [
    'POST',
    `/v1/drives/${driveId}/rules`,
    { json: { label: 'invoice', action: { kind: 'tag', tag: 'bill' } } },
  ],
  'PATCH /v1/drives/{driveId}/rules/{ruleId}': ({ driveId, rule }) => [
    'PATCH',
    `/v1/drives/${driveId}/rules/${rule}`,
    { json: { enabled: false } },
  ],
  'DELETE /v1/drives/{driveId}/rules/{ruleId}': ({ driveId, doomedRule }) => [
    'DELETE',
    `/v1/drives/${driveId}/rules/${doomedRule}`,
  ],
  'GET /v1/drives/{driveId}/rules/{ruleId}/runs': ({ driveId, rule }) => [
    'GET',
    `/v1/drives/${driveId}/rules/${rule}/runs`,
  ],
  'GET /v1/drives/{driveId}/fields': ({ driveId }) => ['GET', `/v1/drives/${driveId}/fields`],
  'GET /v1/drives/{driveId}/fields/{name}': ({ driveId }) => ['GET', `/v1/drives/${driveId}/fields/subject`],
  'PUT /v1/drives/{driveId}/fields/{name}': ({ driveId }) => [
    'PUT',
    `/v1/drives/${driveId}/fields/total`,
    { json: { type: 'amount', description: 'What is to be paid.' } },
  ],
  'DELETE /v1/drives/{driveId}/fields/{name}': ({ driveId }) => [
    'DELETE',
    `/v1/drives/${driveId}/fields/total`,
  ],
  'GET /v1/drives/{driveId}/plugins': ({ driveId }) => ['GET', `/v1/drives/${driveId}/plugins`],
  'PUT /v1/drives/{driveId}/plugins/{name}': ({ driveId }) => [
    'PUT',
    `/v1/drives/${driveId}/plugins/keywords`,
    { json: { enabled: false } },
  ],
  'GET /v1/drives/{driveId}/models': ({ driveId }) => ['GET', `/v1/drives/${driveId}/models`],
  'PUT /v1/drives/{driveId}/models/{task}': ({ driveId }) => [
    'PUT',
    `/v1/drives/${driveId}/models/feature-extraction`,
    { json: { model: MODEL } },
  ],
  'DELETE /v1/drives/{driveId}/models/{task}': ({ driveId }) => [
    'DELETE',
    `/v1/drives/${driveId}/models/feature-extraction`,
  ],
};
