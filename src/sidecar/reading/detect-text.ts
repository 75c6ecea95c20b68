/** Kinds of text that only the name of the file tells apart. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  tab: 'text/tab-separated-values',
  md: 'text/markdown',
  markdown: 'text/markdown',
  mdx: 'text/markdown',
  html: 'text/html',
  htm: 'text/html',
  xhtml: 'text/html',
  json: 'application/json',
  geojson: 'application/json',
  ipynb: 'application/json',
  xml: 'application/xml',
  svg: 'image/svg+xml',
  eml: 'message/rfc822',
};

/** Source code, by the names that editors and Linguist know. */
const CODE: Readonly<Record<string, string>> = {
  c: 'c',
  cc: 'c++',
  cpp: 'c++',
  cs: 'csharp',
  css: 'css',
  dart: 'dart',
  ex: 'elixir',
  exs: 'elixir',
  go: 'go',
  groovy: 'groovy',
  h: 'c',
  hpp: 'c++',
  hs: 'haskell',
  java: 'java',
  jl: 'julia',
  js: 'javascript',
  jsx: 'javascript',
  cjs: 'javascript',
  mjs: 'javascript',
  kt: 'kotlin',
  lua: 'lua',
  m: 'objectivec',
  php: 'php',
  pl: 'perl',
  ps1: 'powershell',
  py: 'python',
  r: 'r',
  rb: 'ruby',
  rs: 'rust',
  scala: 'scala',
  scss: 'scss',
  sh: 'shellscript',
  bash: 'shellscript',
  sql: 'sql',
  swift: 'swift',
  tex: 'tex',
  ts: 'typescript',
  tsx: 'typescript',
  cts: 'typescript',
  mts: 'typescript',
  toml: 'toml',
  vue: 'vue',
  yaml: 'yaml',
  yml: 'yaml',
};

/** Whether a text type is source code, which is in no language that people speak. */
export function isCode(contentType: string): boolean {
  return contentType.startsWith('text/x-');
}

/** @param start the first few thousand characters of something that is text. */
export function detectTextType(start: string, name: string): string {
  const text = start.replace(/^\uFEFF/, '').trimStart();
  if (/^(?:<!doctype html|<html|<head|<body)[\s>]/i.test(text)) return 'text/html';
  const extension = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  const named = BY_EXTENSION[extension];
  if (/^<(?:svg:)?svg[\s>]/i.test(skipProlog(text))) return 'image/svg+xml';
  if (/^<\?xml\b/.test(text)) {
    if (/<html[\s>]/i.test(text)) return 'text/html';
    return /<svg[\s>]/i.test(text) ? 'image/svg+xml' : 'application/xml';
  }
  if (named === 'application/json') return /^[[{"\d\-tfn]/.test(text) ? named : 'text/plain';
  if (named === 'text/html' || named === 'application/xml' || named === 'image/svg+xml') {
    return text.startsWith('<') ? named : 'text/plain';
  }
  if (isEmail(text, named === 'message/rfc822')) return 'message/rfc822';
  if (text.startsWith('#!')) return `text/x-${interpreterOf(text)}`;
  if (named !== undefined) return named === 'message/rfc822' ? 'text/plain' : named;
  const code = CODE[extension];
  if (code !== undefined) return `text/x-${code}`;
  return /^[[{]\s*["{[\]}]/.test(text) ? 'application/json' : 'text/plain';
}

const INTERPRETERS: readonly (readonly [RegExp, string])[] = [
  [/python/, 'python'],
  [/node|deno|bun/, 'javascript'],
  [/perl/, 'perl'],
  [/ruby/, 'ruby'],
  [/php/, 'php'],
];

function interpreterOf(text: string): string {
  const line = text.slice(0, 200).split('\n', 1)[0] ?? '';
  return INTERPRETERS.find(([pattern]) => pattern.test(line))?.[1] ?? 'shellscript';
}

const MAIL_HEADERS = new Set(
  'from to subject date message-id mime-version received return-path delivered-to reply-to dkim-signature'.split(
    ' ',
  ),
);

/** Lines of a header (RFC 5322, 2.2), of which some are such as only e-mails have. */
function isEmail(text: string, isNamedSo: boolean): boolean {
  const fields = new Set<string>();
  for (const line of text.split('\n')) {
    if (line.trim() === '') break;
    if (/^[ \t]/.test(line)) continue;
    const field = /^([\x21-\x39\x3b-\x7e]{1,80}):/.exec(line)?.[1]?.toLowerCase();
    if (field === undefined) break;
    if (MAIL_HEADERS.has(field)) fields.add(field);
  }
  return fields.size >= (isNamedSo ? 1 : 3);
}

/** What follows the XML declaration, comments and document type. */
function skipProlog(text: string): string {
  const part = /<\?[^>]*>|<!--[\s\S]*?-->|<!doctype[^[>]*(?:\[[^\]]*\]\s*)?>|\s+/iy;
  let end = 0;
  while (part.test(text)) end = part.lastIndex;
  return text.slice(end);
}
