import type { ExtractedText } from '../document.ts';

const WIDEST_LABELLED_ROW = 40;

/** A table of comma-separated values (RFC 4180, any separator) as one line a row, up to so many characters. */
export function readTable(content: string, separator: ',' | '\t', mostCharacters: number): ExtractedText {
  const lines: string[] = [];
  let length = 0;
  for (const described of describeRows(
    parseRows(content.replace(/^\uFEFF/, ''), sniffSeparator(content, separator)),
  )) {
    lines.push(described);
    length += described.length + 1;
    if (length > mostCharacters + 1) break;
  }
  return { text: lines.join('\n'), metadata: {} };
}

/**
 * One line a row. Where the first row reads like a header, each cell carries its column's name, so that a row found on
 * its own still says what its values mean. Empty rows are left out.
 */
export function* describeRows(rows: Iterable<readonly string[]>): Generator<string> {
  let header: readonly string[] | undefined;
  let isFirst = true;
  for (const row of rows) {
    if (row.every((cell) => cell === '')) continue;
    if (isFirst) header = isHeader(row) ? row : undefined;
    const names = isFirst ? undefined : header;
    isFirst = false;
    yield row
      .flatMap((cell, column) => (cell === '' ? [] : [names?.[column] ? `${names[column]}: ${cell}` : cell]))
      .join('; ');
  }
}

/** Spreadsheets in many countries write `;` between the cells of a file named .csv. */
function sniffSeparator(content: string, separator: ',' | '\t'): string {
  if (separator === '\t') return separator;
  const line = content.slice(0, 10_000).split('\n', 1)[0] ?? '';
  const count = (character: string) => line.split(character).length - 1;
  if (count('\t') > count(',') && count('\t') > count(';')) return '\t';
  return count(';') > count(',') ? ';' : ',';
}

/** Each character is looked at once: a quote that is never closed takes the rest, as RFC 4180 has it. */
function* parseRows(content: string, separator: string): Generator<string[]> {
  const end = new RegExp(`[${separator}\\r\\n]`, 'g');
  let row: string[] = [];
  for (let at = 0; at <= content.length; ) {
    const quoted = content[at] === '"' ? quotedCell(content, at) : undefined;
    end.lastIndex = quoted?.end ?? at;
    const stop = end.exec(content)?.index ?? content.length;
    // What follows a closing quote belongs to no cell; it is kept as it is.
    row.push(`${quoted?.value ?? ''}${content.slice(quoted?.end ?? at, stop)}`.trim());
    at = stop + 1;
    if (content[stop] === separator) continue;
    if (content[stop] === '\r' && content[at] === '\n') at++;
    yield row;
    row = [];
  }
}

function quotedCell(content: string, start: number): { value: string; end: number } {
  const pieces: string[] = [];
  for (let from = start + 1; ; ) {
    const quote = content.indexOf('"', from);
    if (quote === -1) return { value: pieces.join('') + content.slice(from), end: content.length };
    pieces.push(content.slice(from, quote));
    if (content[quote + 1] !== '"') return { value: pieces.join(''), end: quote + 1 };
    pieces.push('"');
    from = quote + 2;
  }
}

function isHeader(row: readonly string[]): boolean {
  const named = row.every((cell) => cell !== '' && cell.length <= 60 && !/^[\d.,%€$+-]+$/.test(cell));
  return row.length > 1 && row.length <= WIDEST_LABELLED_ROW && named && new Set(row).size === row.length;
}
