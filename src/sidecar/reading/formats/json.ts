import type { ExtractedText } from '../document.ts';

const DEEPEST_INDENT = 20;

/**
 * JSON laid out one value a line, without parsing it: numbers stay as they were written, invalid or endlessly nested
 * input is no problem, and time and memory are bounded by the input and by the characters wanted.
 */
export function readJson(content: string, mostCharacters: number): ExtractedText {
  const out: string[] = [];
  let length = 0;
  let depth = 0;
  let previous = '';
  const append = (text: string) => {
    out.push(text);
    length += text.length;
  };
  const newLine = () => append(`\n${'  '.repeat(Math.min(depth, DEEPEST_INDENT))}`);
  for (const part of tokens(content)) {
    const opens = part === '{' || part === '[';
    const closes = part === '}' || part === ']';
    if (closes) depth = Math.max(0, depth - 1);
    const empty = closes && (previous === '{' || previous === '[');
    const startsValue = !closes && part !== ',' && part !== ':' && previous !== ':' && previous !== '';
    if ((closes && !empty) || startsValue) newLine();
    append(part === ':' ? ': ' : part.startsWith('"') ? unescaped(part) : part);
    if (opens) depth++;
    previous = part;
    if (length > mostCharacters) break;
  }
  return { text: out.join(''), metadata: {} };
}

/** Punctuation, strings with their quotes, and whatever is between them; a string that never ends is the rest. */
function* tokens(content: string): Generator<string> {
  const next = /[[\]{},:]|"|[^\s[\]{},:"]+/g;
  const inString = /["\\]/g;
  for (let match = next.exec(content); match !== null; match = next.exec(content)) {
    if (match[0] !== '"') {
      yield match[0];
      continue;
    }
    inString.lastIndex = match.index + 1;
    let stop = inString.exec(content);
    while (stop !== null && stop[0] === '\\') {
      inString.lastIndex = stop.index + 2;
      stop = inString.exec(content);
    }
    const end = stop === null ? content.length : stop.index + 1;
    yield content.slice(match.index, end);
    next.lastIndex = end;
  }
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
