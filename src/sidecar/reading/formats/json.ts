import type { ExtractedText } from '../document.ts';

const DEEPEST_INDENT = 20;

/**
 * JSON laid out one value a line, without parsing it: numbers stay as they were written, invalid or endlessly nested
 * input is no problem, and memory is bounded by the input.
 */
export function readJson(content: string): ExtractedText {
  const token = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+|"/gs;
  const out: string[] = [];
  let depth = 0;
  let previous = '';
  const newLine = () => out.push('\n', '  '.repeat(Math.min(depth, DEEPEST_INDENT)));
  for (const [part] of content.replace(/^\uFEFF/, '').matchAll(token)) {
    const opens = part === '{' || part === '[';
    const closes = part === '}' || part === ']';
    if (closes) depth = Math.max(0, depth - 1);
    const empty = closes && (previous === '{' || previous === '[');
    const startsValue = !closes && part !== ',' && part !== ':' && previous !== ':' && previous !== '';
    if ((closes && !empty) || startsValue) newLine();
    out.push(part === ':' ? ': ' : part.startsWith('"') ? unescaped(part) : part);
    if (opens) depth++;
    previous = part;
  }
  return { text: out.join(''), metadata: {} };
}

/** `\u00e9` in a string is a letter that people search for. */
function unescaped(literal: string): string {
  if (!literal.includes('\\u')) return literal;
  try {
    return `"${String(JSON.parse(literal))}"`;
  } catch {
    return literal;
  }
}
