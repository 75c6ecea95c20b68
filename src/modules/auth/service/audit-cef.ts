import type { AuditRecord } from '../ports/audit.ts';

const SEVERITY = { success: 3, failure: 5, denied: 7 } as const;

/** One entry in the Common Event Format (ArcSight CEF, version 0), for systems that collect logs. */
export function cefLine(row: AuditRecord): string {
  const header = ['CEF:0', 'AI Cloud Storage', 'audit', '1', row.action, row.action, SEVERITY[row.result]];
  const source = row.address?.includes(':')
    ? { c6a2: row.address, c6a2Label: 'Source IPv6 Address' }
    : { src: row.address };
  const extension = Object.entries({
    rt: row.occurredAt.getTime(),
    externalId: row.id,
    act: row.action,
    outcome: row.result,
    reason: row.reason,
    suid: row.actorId,
    spriv: row.actorKind,
    ...source,
    ...labelled('cs1', 'object', row.objectId && `${row.objectKind ?? ''} ${row.objectId}`),
    ...labelled('cs2', 'credential', row.credentialId),
    ...labelled('cs3', 'workspace', row.workspaceId),
    ...labelled('cs4', 'request', row.requestId),
    ...labelled('cs5', 'hash', row.hash),
    ...labelled('cs6', 'details', JSON.stringify(row.details)),
    ...labelled('cn1', 'sequence', row.sequence),
  }).filter(([, value]) => value !== null);
  const fields = extension.map(([name, value]) => `${name}=${escapeValue(String(value))}`);
  return `${header.map((field) => escapeHeader(String(field))).join('|')}|${fields.join(' ')}`;
}

function labelled(field: string, label: string, value: string | number | null) {
  return value === null ? {} : { [field]: value, [`${field}Label`]: label };
}

/** No line ends in the header; a backslash and a pipe are escaped. */
function escapeHeader(text: string): string {
  return text.replaceAll(/[\\|]/g, '\\$&').replaceAll(LINE_ENDS, ' ');
}

function escapeValue(text: string): string {
  return text.replaceAll(/[\\=]/g, '\\$&').replaceAll(LINE_ENDS, (end) => (end === '\r' ? '\\r' : '\\n'));
}

const LINE_ENDS = /[\r\n\u0085\u2028\u2029]/g;
