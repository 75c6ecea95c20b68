/** One statement of a migration, as the rules read it. */
export interface Statement {
  /**
   * In lower case and single spaces, without comments and without the quotes of identifiers; string literals and the
   * bodies of functions are empty.
   */
  readonly text: string;
  /** What stands in its comments, and in those before it. */
  readonly comments: readonly string[];
}

/** Comments, dollar-quoted bodies, literals, quoted identifiers, ends of statements; then anything else. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|(\$[a-z_]*\$)[\s\S]*?\1|'(?:[^']|'')*'|"(?:[^"]|"")*"|;|[^-/$'";]+|[\s\S]/gi;

/** Splits SQL into its statements. Drizzle's own mark between statements is a comment to it. */
export function readStatements(sql: string): Statement[] {
  const statements: Statement[] = [];
  let text = '';
  let comments: string[] = [];
  const end = () => {
    const normal = text
      .toLowerCase()
      .replaceAll(/\s+/g, ' ')
      .replaceAll(/\s*([(,])\s*|\s+(\))/g, '$1$2')
      .trim();
    if (normal !== '') {
      statements.push({ text: normal, comments });
      comments = [];
    }
    text = '';
  };
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ';') end();
    else if (token.startsWith('--')) {
      comments.push(token.slice(2).trim());
      text += ' ';
    } else if (token.length > 1 && token.startsWith('/*')) text += ' ';
    else if (token.length > 1 && token.startsWith('$')) text += "''";
    else if (token.startsWith("'")) text += "''";
    else if (token.startsWith('"')) text += token.slice(1, -1);
    else text += token;
  }
  end();
  return statements;
}

/** The parts of a list, where commas inside of parentheses do not count. */
export function splitList(list: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const char of list) {
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (char === ',' && depth === 0) parts.push('');
    else parts.push((parts.pop() ?? '') + char);
  }
  return parts.map((part) => part.trim());
}
