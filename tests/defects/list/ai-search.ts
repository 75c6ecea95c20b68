import type { Defect } from '../defect.ts';

const AI = 'src/modules/ai';
const PAGES = `${AI}/service/answer-pages.ts`;
const QUERIES = [`${AI}/repository/search-queries.test.ts`];
const SEARCHING = [`${AI}/service/search.test.ts`];
const SEARCH = ['tests/ai/search.test.ts'];
const PROMPT = [`${AI}/service/ask-prompt.test.ts`];
const ASK = ['tests/ai/ask.test.ts'];
const RETRIEVE = [`${AI}/service/retrieve.test.ts`];
const OF_SOMEBODY_ELSE = 'a cursor that was changed, or is of somebody else or another search, is refused';

/** What search, similar files, explanations and answers to questions may tell. */
export const AI_SEARCH_DEFECTS: readonly Defect[] = [
  {
    claim: 'S29',
    title: 'facets count the tags of everybody',
    file: `${AI}/repository/facets.ts`,
    find: 'tag: sql`select tag as value, null::text as name from file, unnest',
    replace: 'tag: sql`select tag as value, null::text as name from storage.file_facts file, unnest',
    tests: QUERIES,
    by: 'facets count all files that match, and nothing that is not visible',
  },
  {
    claim: 'S29',
    title: 'old versions are searched in the trash, and in the drives of others',
    file: `${AI}/repository/search-scope.ts`,
    find: 'return sql`storage.visible_versions(${idToUuid(userId)}::uuid, ${time}::timestamptz)`;',
    replace:
      'return sql`(select v.file_id, v.version_id from storage.version_facts v where ${time}::text is null)`;',
    tests: QUERIES,
    by: 'old versions are found when they are asked for, and the one of a time',
  },
  {
    claim: 'S29',
    title: 'similar files are those of everybody',
    file: `${AI}/repository/similar.ts`,
    find: 'select v.file_id, v.version_id from ${visibleFiles(userId)} v, self',
    replace: 'select v.file_id, v.version_id from storage.file_facts v, self',
    tests: [`${AI}/repository/similar.test.ts`],
  },
  {
    claim: 'S29',
    title: 'an explanation tells of the files of others',
    file: `${AI}/repository/standing.ts`,
    find: 'from ${visibleVersions(scope)} visible\n      join storage.file_facts file',
    replace: 'from storage.file_facts visible\n      join storage.file_facts file',
    tests: SEARCH,
    by: 'is the same, byte for byte, for a file that is not there, one of somebody else, and one in their trash',
  },
  {
    claim: 'S29',
    title: 'a question is answered from a version that is not the current one any more',
    file: `${AI}/service/retrieve.ts`,
    find: 'passage === undefined || !isCurrent) return [];',
    replace: 'passage === undefined) return [];',
    tests: RETRIEVE,
  },
  {
    claim: 'S29',
    title: 'the cursor of somebody else goes on with their search',
    file: PAGES,
    find: 'const question = JSON.stringify([\n    userId,\n',
    replace: 'const question = JSON.stringify([\n',
    tests: SEARCHING,
    by: OF_SOMEBODY_ELSE,
  },
  {
    claim: 'search',
    title: 'the cursor of another query goes on in this one',
    file: PAGES,
    find: 'userId,\n    q,\n',
    replace: 'userId,\n',
    tests: SEARCHING,
    by: OF_SOMEBODY_ELSE,
  },
  {
    claim: 'search',
    title: 'whoever asks whether their own write is in the answer is told nothing',
    file: `${AI}/repository/search-repository.ts`,
    find: 'freshness === undefined ? NOTHING : freshnessOf(scope.userId, freshness),',
    replace: 'freshness?.mode !== undefined ? NOTHING : freshnessOf(scope.userId, freshness),',
    tests: QUERIES,
    by: 'freshness is that of the worst version, for the mode that was asked for',
  },
  {
    claim: 'search',
    title: 'vectors of a model are searched in drives that have another one',
    file: `${AI}/repository/search-scope.ts`,
    find: 'if (drives !== undefined) conditions.push(',
    replace: 'if (drives?.length === 0) conditions.push(',
    tests: QUERIES,
    by: 'vectors of a model are searched in the drives that have chosen it only',
  },
  {
    claim: 'S48',
    title: 'a text marks words of itself as found',
    file: `${AI}/repository/passages.ts`,
    find: "const DISGUISE = '  ",
    replace: "const DISGUISE = MARK_START + MARK_END + '",
    tests: [`${AI}/repository/search-repository.test.ts`],
    by: 'a passage is shown letter for letter, its words marked; marks of the text itself do not count',
  },
  {
    claim: 'S47',
    title: 'a passage closes the fence that it stands behind',
    file: `${AI}/service/ask-prompt.ts`,
    find: "text.replaceAll(nonce, '')",
    replace: 'text',
    tests: PROMPT,
  },
  {
    claim: 'S47',
    title: 'the name of a file adds to the fence of its passage',
    file: `${AI}/service/ask-prompt.ts`,
    find: 'file=${JSON.stringify(file.name)}',
    replace: 'file="${file.name}"',
    tests: PROMPT,
  },
  {
    claim: 'ask',
    title: 'an answer that names no passage is given as one that rests on the files',
    file: `${AI}/service/ask.ts`,
    find: 'const answered = numbers.length > 0 && !text.includes(NOTHING_FOUND);',
    replace: "const answered = text !== '';",
    tests: ASK,
    by: 'says that nothing was found when the model says so, or names no passage',
  },
  {
    claim: 'ask',
    title: 'without a sentence that answers, the status says that there is one',
    file: `${AI}/service/ask.ts`,
    find: "status: citations.length > 0 ? 'answered' : 'not_found',",
    replace: "status: 'answered',",
    tests: ASK,
    by: 'that nothing answers is told so',
  },
];
