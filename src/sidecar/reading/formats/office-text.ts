import type { OfficeContentNode } from 'officeparser';
import type { ReadingLimits } from '../../limits.ts';
import type { ExtractedText } from '../document.ts';
import { describeRows } from './table.ts';

/** Cells further to the right than this have no column's name put in front of them. */
const LABELLED_COLUMNS = 256;

interface Writer {
  pieces: string[];
  length: number;
  /** No more is kept. */
  full: boolean;
}

/** The text of a parsed office document: blocks apart by blank lines, one line for a row of a table. */
export function describeContent(
  content: readonly OfficeContentNode[],
  limits: ReadingLimits,
): Pick<ExtractedText, 'text' | 'pageStarts'> & { metadata: { sheets?: number; slides?: number } } {
  const writer: Writer = { pieces: [], length: 0, full: false };
  const append = (text: string) => {
    if (text === '' || writer.full) return;
    writer.pieces.push(text);
    writer.length += text.length;
    writer.full = writer.length > limits.characters;
  };
  const pageStarts: number[] = [];
  for (const node of content) {
    if (node.type === 'sheet' || node.type === 'slide') pageStarts.push(writer.length);
    if (node.type === 'sheet') describeSheet(node, append);
    else describeBlock(node, append);
  }
  const count = (type: string) => content.filter((node) => node.type === type).length;
  const sheets = count('sheet');
  const slides = count('slide');
  return {
    text: writer.pieces.join('').trimEnd(),
    ...(pageStarts.length === 0 ? {} : { pageStarts }),
    metadata: { ...(sheets === 0 ? {} : { sheets }), ...(slides === 0 ? {} : { slides }) },
  };
}

function describeBlock(node: OfficeContentNode, append: (text: string) => void): void {
  switch (node.type) {
    case 'paragraph':
    case 'heading':
    case 'code':
    case 'list':
    case 'text': {
      const text = inlineText(node).trim();
      if (text !== '') append(`${text}${node.type === 'list' ? '\n' : '\n\n'}`);
      for (const note of notesOf(node)) describeBlock(note, append);
      return;
    }
    case 'row':
      append(`${joinCells(node)}\n`);
      return;
    case 'table':
      for (const row of node.children ?? []) describeBlock(row, append);
      append('\n');
      return;
    default:
      if (node.children === undefined || node.children.length === 0)
        append(node.text ? `${node.text}\n\n` : '');
      for (const child of node.children ?? []) describeBlock(child, append);
      for (const note of [...(node.notes ?? []), ...(node.comments ?? [])]) describeBlock(note, append);
  }
}

function describeSheet(sheet: OfficeContentNode, append: (text: string) => void): void {
  const rows = (sheet.children ?? []).filter(({ type }) => type === 'row');
  const name = sheet.type === 'sheet' ? sheet.metadata?.sheetName : undefined;
  if (name && rows.length > 0) append(`${name}\n`);
  for (const row of describeRows(rows.map(cellsOf))) append(`${row}\n`);
  for (const other of sheet.children ?? []) if (other.type !== 'row') describeBlock(other, append);
  append('\n');
}

/** Texts by column; what is far to the right is only put at the end. */
function cellsOf(row: OfficeContentNode): string[] {
  const cells: string[] = [];
  for (const cell of row.children ?? []) {
    const column = cell.type === 'cell' ? (cell.metadata?.col ?? cells.length) : cells.length;
    while (cells.length < Math.min(column, LABELLED_COLUMNS)) cells.push('');
    const notes = notesOf(cell).map((note) => inlineText(note));
    cells.push([inlineText(cell), ...notes].join(' ').replaceAll('\n', ' ').trim());
  }
  return cells;
}

function joinCells(row: OfficeContentNode): string {
  return (row.children ?? []).map((cell) => inlineText(cell).replaceAll('\n', ' ').trim()).join(' | ');
}

function inlineText(node: OfficeContentNode): string {
  if (node.type === 'break') return '\n';
  const { children } = node;
  if (children === undefined || children.length === 0) return node.text ?? '';
  const apart = children.some(({ type }) => type === 'paragraph' || type === 'row' || type === 'table')
    ? ' '
    : '';
  return children.map((child) => inlineText(child)).join(apart);
}

/** Footnotes, notes of a speaker and comments, which hang on whatever they are about. */
function notesOf(node: OfficeContentNode): OfficeContentNode[] {
  const inner = (node.children ?? []).flatMap((child) => notesOf(child));
  return [...(node.notes ?? []), ...(node.comments ?? []), ...inner];
}
