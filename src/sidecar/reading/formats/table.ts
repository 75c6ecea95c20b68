import type { ExtractedText } from '../document.ts';

const WIDEST_LABELLED_ROW = 40;

/**
 * A table as one line a row. Where the first row reads like a header, each cell carries its column's name, so that
 * a row found on its own still says what its values mean.
 */
export function readTable(content: string, separator: ',' | '\t'): ExtractedText {
  const rows = parseRows(content.replace(/^\uFEFF/, ''), sniffSeparator(content, separator));
  const [first, ...rest] = rows;
  if (first === undefined) return { text: '', metadata: {} };
  if (!isHeader(first) || rest.length === 0)
    return { text: rows.map((row) => joined(row)).join('\n'), metadata: {} };
  const lines = rest.map((row) =>
    row
      .flatMap((cell, column) => (cell === '' ? [] : [first[column] ? `${first[column]}: ${cell}` : cell]))
      .join('; '),
  );
  return { text: [joined(first), ...lines].join('\n'), metadata: {} };
}

/** Spreadsheets in many countries write `;` between the cells of a file named .csv. */
function sniffSeparator(content: string, separator: ',' | '\t'): string {
  if (separator === '\t') return separator;
  const line = content.slice(0, 10_000).split('\n', 1)[0] ?? '';
  const count = (character: string) => line.split(character).length - 1;
  if (count('\t') > count(',') && count('\t') > count(';')) return '\t';
  return count(';') > count(',') ? ';' : ',';
}

/** Rows of RFC 4180 with any separator; a quote that is never closed runs to the end of the line it opened in. */
function parseRows(content: string, separator: string): string[][] {
  const rows: string[][] = [];
  const cell = new RegExp(
    `(?:"((?:[^"]|"")*)"|([^${separator}\\r\\n]*))(${separator}|\\r\\n|\\n|\\r|$)`,
    'y',
  );
  let row: string[] = [];
  while (cell.lastIndex < content.length) {
    const at = cell.lastIndex;
    const match = cell.exec(content);
    if (match === null) {
      // A stray character after a closing quote: take the rest of the line as it is.
      const end = content.indexOf('\n', at);
      row.push(content.slice(at, end === -1 ? content.length : end));
      cell.lastIndex = end === -1 ? content.length : end + 1;
      rows.push(row);
      row = [];
      continue;
    }
    row.push((match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"')).trim());
    if (match[3] !== separator) {
      if (row.some((value) => value !== '')) rows.push(row);
      row = [];
    }
  }
  if (row.some((value) => value !== '')) rows.push(row);
  return rows;
}

function isHeader(row: readonly string[]): boolean {
  const named = row.every((cell) => cell !== '' && cell.length <= 60 && !/^[\d.,%€$+-]+$/.test(cell));
  return row.length > 1 && row.length <= WIDEST_LABELLED_ROW && named && new Set(row).size === row.length;
}

function joined(row: readonly string[]): string {
  return row.filter((cell) => cell !== '').join('; ');
}
