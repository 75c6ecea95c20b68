/**
 * Names of the default taxonomy: what a file can be filed under in a drive that has no labels of its own. The sidecar
 * knows what each of them means (src/sidecar/plugins/classification/taxonomy.ts).
 */
export const TAXONOMY: readonly string[] = [
  'invoice',
  'receipt',
  'contract',
  'letter',
  'report',
  'manual',
  'meeting-notes',
  'recipe',
  'source-code',
  'scientific-paper',
  'news',
  'cv',
  'presentation',
  'data',
  'legal',
  'medical',
  'travel',
  'marketing',
  'financial',
  'education',
  'personal',
  'email',
  'photo',
  'music',
  'video',
];
