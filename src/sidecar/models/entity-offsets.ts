export interface EntityGroup {
  entity_group: string;
  score: number;
  /** As the tokenizer decodes it: perhaps in lower case, with other spaces than the text has. */
  word: string;
}

export interface PlacedEntity extends EntityGroup {
  /** UTF-16 code units of the text, `end` exclusive. */
  start: number;
  end: number;
}

/** Finds entities, which come in the order of the text, where they stand in it; one that cannot be found is left out. */
export function withOffsets(text: string, entities: readonly EntityGroup[]): PlacedEntity[] {
  const haystack = foldCase(text);
  const placed: PlacedEntity[] = [];
  let from = 0;
  for (const entity of entities) {
    const span = find(haystack, foldCase(entity.word), from);
    if (span === undefined) continue;
    from = span.end;
    placed.push({ ...entity, word: text.slice(span.start, span.end), ...span });
  }
  return placed;
}

/** Unit by unit, so that offsets stay: lower case and no accents, as uncased models see a text. */
function foldCase(text: string): string {
  let folded = '';
  for (let at = 0; at < text.length; at++) {
    const unit = text.charAt(at);
    const plain = unit.normalize('NFD').charAt(0).toLowerCase();
    folded += plain.length === 1 ? plain : unit;
  }
  return folded;
}

/** The first place where `word` stands, whatever spaces are between or inside its characters. */
function find(haystack: string, word: string, from: number): { start: number; end: number } | undefined {
  const wanted = word.replace(/##|\s+/g, '');
  if (wanted === '') return undefined;
  for (let start = haystack.indexOf(wanted.charAt(0), from); start !== -1; ) {
    const end = matchAt(haystack, wanted, start);
    if (end !== undefined) return { start, end };
    start = haystack.indexOf(wanted.charAt(0), start + 1);
  }
  return undefined;
}

function matchAt(haystack: string, wanted: string, start: number): number | undefined {
  let at = start;
  for (let n = 0; n < wanted.length; n++, at++) {
    while (n > 0 && at < haystack.length && haystack.charAt(at).trim() === '') at++;
    if (haystack.charAt(at) !== wanted.charAt(n)) return undefined;
  }
  return at;
}
