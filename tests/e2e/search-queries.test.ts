import { beforeAll, describe, expect, inject, it } from 'vitest';
import { type Account, newAccount } from './harness/accounts.ts';
import { createClient, faultyFields, refusal } from './harness/client.ts';
import { analysed, upload } from './harness/files.ts';
import { search } from './harness/search.ts';

const { url, hasModel } = inject('installation');
const api = createClient(url);

describe('a query', () => {
  let account: Account;

  beforeAll(async () => {
    account = await newAccount(api);
    const file = await upload(
      account.api,
      "it's.txt",
      "It's a quoted \\ note: 'drop table' & :* | ! <-> are no operators.",
    );
    if (hasModel) await analysed(account.api, file.id);
  });

  it.each([
    ['q=', 'q'],
    ['', 'q'],
    ['q=%20%20', 'q'],
    ['q=TOO_LONG', 'q'],
    ['q=a%00b', 'q'],
    ['q=a&mode=magic', 'mode'],
    ['q=a&limit=0', 'limit'],
    ['q=a&limit=51', 'limit'],
    ['q=a&limit=ten', 'limit'],
    ['q=a&cursor=-1', 'cursor'],
    ['q=a&cursor=abc', 'cursor'],
    ['q=a&q=b', 'q'],
  ])('that is not valid is refused by field: %s', async (query, field) => {
    const answer = await account.api.call(
      'GET',
      `/v1/search?${query.replace('TOO_LONG', 'x'.repeat(1_001))}`,
    );
    expect([refusal(answer), faultyFields(answer)]).toEqual(['400 invalid_request', [field]]);
  });

  it.each([
    'the of and',
    '🦊🔑',
    '"unbalanced',
    '"""',
    "'",
    "'; drop table storage.files; --",
    '\\',
    "\\\\'",
    ':*',
    'foo:* & !bar | (baz',
    '<->',
    '%',
    '_',
    '\ue000\ue001',
    '-',
    '- - "',
    'or',
    'naïve café',
    '日本語の文書',
    '{{7*7}}',
  ])('of any characters is answered: %j', async (q) => {
    for (const mode of ['hybrid', 'keyword', 'semantic']) {
      const result = await search(account.api, q, { mode });
      for (const { snippet, highlights } of result.items) {
        expect(snippet).not.toMatch(/[\ue000\ue001]/);
        for (const { start, end } of highlights) expect(start < end && end <= snippet.length).toBe(true);
      }
    }
  });

  it('of 1000 characters is answered, in one word or in many', async () => {
    for (const q of ['x'.repeat(1_000), 'word '.repeat(200).trim()]) {
      for (const mode of ['hybrid', 'keyword', 'semantic']) await search(account.api, q, { mode });
    }
  });
});
