export interface StatementName {
  /** Empty for the unnamed statement, which is parsed and planned every time. */
  readonly name: string;
  /** True when the server has it, so that it need not be parsed again. */
  isParsed: boolean;
}

const MAX_NAMES = 200;
const MAX_TEXTS = 1_000;

/**
 * Decides which statements of a session are worth a name. PostgreSQL keeps the plan of a named statement; for a
 * look-up by key, planning is most of the work. A text gets its name when it comes for the second time.
 */
export function createStatementNames(): { nameFor(text: string): StatementName; forget(): void } {
  const seen = new Set<string>();
  const names = new Map<string, StatementName>();
  return {
    nameFor(text) {
      const known = names.get(text);
      if (known) return known;
      if (seen.has(text) && names.size < MAX_NAMES) {
        const added = { name: `s${names.size}`, isParsed: false };
        names.set(text, added);
        return added;
      }
      if (seen.size >= MAX_TEXTS) seen.clear();
      seen.add(text);
      return { name: '', isParsed: false };
    },
    /** To be followed by DEALLOCATE ALL. */
    forget() {
      names.clear();
      seen.clear();
    },
  };
}
