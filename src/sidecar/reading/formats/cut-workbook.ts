import type { PackageParts } from '../package-parts.ts';

/** XML that is read of all sheets, and of the strings they share: a parsed tree is some twenty times its size. */
const SHEET_BYTES = 24 * 1_048_576;
const STRING_BYTES = 16 * 1_048_576;

/**
 * A workbook whose sheets end, after whole rows, where more would not fit into memory. Rows and strings are the only
 * parts of a workbook that grow, and are flat lists (ECMA-376 part 1, 18.3.1.80 and 18.4.9).
 */
export function cutWorkbook(parts: PackageParts): { parts: PackageParts; isCut: boolean } {
  const kept = new Map(parts);
  let left = SHEET_BYTES;
  const sheets = [...parts.keys()].filter((name) => /^xl\/worksheets\/[^/]+\.xml$/i.test(name));
  sheets.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  for (const name of sheets) {
    const sheet = parts.get(name) ?? new Uint8Array();
    kept.set(name, cutAfter(sheet, '</row>', left, '</sheetData></worksheet>'));
    left = Math.max(0, left - sheet.length);
  }
  for (const [name, part] of parts) {
    if (/^xl\/sharedStrings\.xml$/i.test(name))
      kept.set(name, cutAfter(part, '</si>', STRING_BYTES, '</sst>'));
  }
  return { parts: kept, isCut: [...kept].some(([name, part]) => part !== parts.get(name)) };
}

/** What is not as plain as Excel writes it (a prefix for its names, say) is left whole. */
function cutAfter(part: Uint8Array, end: string, mostBytes: number, closing: string): Uint8Array {
  if (part.length <= mostBytes) return part;
  const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  // A sheet of which nothing may be kept keeps its first row, so that it stays a sheet.
  const last = bytes.lastIndexOf(end, mostBytes);
  const at = last === -1 ? bytes.indexOf(end) : last;
  return at === -1 ? part : Buffer.concat([bytes.subarray(0, at + end.length), Buffer.from(closing)]);
}
