import { beforeAll, describe, expect, inject, it } from 'vitest';
import { type Account, newAccount } from './harness/accounts.ts';
import { createClient } from './harness/client.ts';
import { analysed, upload } from './harness/files.ts';
import { ALPINE_TEXT, LIBRARY } from './harness/library.ts';
import { namesFound, search } from './harness/search.ts';
import type { Analysis, File } from './harness/wire.ts';

const { url, hasModel } = inject('installation');
const api = createClient(url);

describe.runIf(hasModel)('a library of documents of all kinds', () => {
  let reader: Account;
  const files = new Map<string, File>();
  const analyses = new Map<string, Analysis>();

  beforeAll(async () => {
    reader = await newAccount(api);
    for (const { name, content } of LIBRARY) files.set(name, await upload(reader.api, name, content));
    for (const { name, id } of files.values()) analyses.set(name, await analysed(reader.api, id));
  });

  it.each(LIBRARY)('$name becomes ready', ({ name }) => {
    expect(analyses.get(name)).toMatchObject({
      status: 'ready',
      keywords: expect.arrayContaining([expect.any(String)]),
    });
    expect(analyses.get(name)?.models.embedding?.model).toMatch(/./);
    expect(analyses.get(name)?.metadata.words).toBeGreaterThan(10);
  });

  it('is described by what stands in the documents', () => {
    expect(analyses.get('insurance.html')?.metadata.title).toBe('Motor policy');
    expect(analyses.get('lease.pdf')?.metadata.pages).toBe(2);
    expect(analyses.get('orchard.docx')?.metadata.author).toBe('Ada Byron');
    expect(analyses.get('refuge.txt')?.language).toBe('en');
  });

  it.each(LIBRARY)('finds $name first for: $question', async ({ name, question }) => {
    for (const mode of ['hybrid', 'semantic']) {
      const result = await search(reader.api, question, { mode });
      expect([mode, namesFound(result)[0]]).toEqual([mode, name]);
      expect(result).toMatchObject({ mode, degraded: false });
    }
  });

  it.each(LIBRARY)('finds $name alone by the word $rareWord', async ({ name, rareWord }) => {
    const result = await search(reader.api, rareWord, { mode: 'keyword' });
    expect(namesFound(result)).toEqual([name]);
    const [hit] = result.items;
    expect(hit?.match).toBe('keyword');
    const marked = hit?.highlights.map(({ start, end }) => hit.snippet.slice(start, end).toLowerCase());
    expect(marked).toEqual([rareWord]);
  });

  it('finds other forms of a word, and marks them', async () => {
    const { items } = await search(reader.api, 'pruning a tree', { mode: 'keyword' });
    expect(items[0]?.file.name).toBe('orchard.docx');
    const marked = items[0]?.highlights.map(({ start, end }) =>
      items[0]?.snippet.slice(start, end).toLowerCase(),
    );
    expect(new Set(marked)).toEqual(new Set(['prune', 'trees']));
  });

  it('says where in the text the passage stands', async () => {
    const { items } = await search(reader.api, 'quillwort stove');
    const { passage, snippet } = items[0] ?? { passage: null, snippet: '' };
    const text = ALPINE_TEXT.slice(passage?.start, passage?.end ?? 0);
    expect(text).toContain('quillwort stove');
    for (const word of snippet.split(/\s+/).filter((word) => /\w/.test(word))) expect(text).toContain(word);
  });

  it('says on which page of a PDF the passage begins', async () => {
    const { items } = await search(reader.api, 'wrenfield', { mode: 'keyword' });
    expect([1, 2]).toContain(items[0]?.passage?.page);
    const { items: plain } = await search(reader.api, 'quillwort', { mode: 'keyword' });
    expect(plain[0]?.passage?.page).toBeNull();
  });

  it('does not give away what is in scripts and styles of a page', async () => {
    for (const word of ['track', 'color']) {
      const result = await search(reader.api, word, { mode: 'keyword' });
      expect(namesFound(result)).toEqual([]);
    }
  });

  it('shows each file as its own address does', async () => {
    const { items } = await search(reader.api, 'banneton', { mode: 'keyword' });
    const file = files.get('sourdough.md');
    expect(items[0]?.file).toEqual({ ...file, analysis: { status: 'ready' } });
  });

  it('is counted in full', async () => {
    const { coverage } = await search(reader.api, 'anything');
    expect(coverage).toEqual({ indexed: LIBRARY.length, pending: 0, failed: 0, skipped: 0, reasons: [] });
  });

  it('is walked in pages without duplicates, in the order of one large page', async () => {
    const whole = namesFound(await search(reader.api, 'the', { mode: 'semantic', limit: '50' }));
    expect(whole).toHaveLength(LIBRARY.length);
    const walked: string[] = [];
    let cursor: string | null = null;
    do {
      const options: Record<string, string> = { mode: 'semantic', limit: '3', ...(cursor ? { cursor } : {}) };
      const page = await search(reader.api, 'the', options);
      walked.push(...namesFound(page));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(walked).toEqual(whole);
  });

  it('ranks by score, best first', async () => {
    const { items } = await search(reader.api, 'garden trees and pets');
    const scores = items.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  });

  it('is invisible to another user, whose library is empty', async () => {
    const stranger = await newAccount(api);
    for (const { question, rareWord } of LIBRARY) {
      for (const mode of ['hybrid', 'semantic', 'keyword']) {
        const result = await search(stranger.api, `${question} ${rareWord}`, { mode });
        expect(result.items).toEqual([]);
        expect(result.coverage).toEqual({ indexed: 0, pending: 0, failed: 0, skipped: 0, reasons: [] });
      }
    }
  });

  it('does not show through in the answers to a user who has files too', async () => {
    const stranger = await newAccount(api);
    const own = await upload(stranger.api, 'own.txt', 'A short note on railway timetables.');
    await analysed(stranger.api, own.id);
    for (const { question, rareWord } of LIBRARY.slice(0, 3)) {
      expect(namesFound(await search(stranger.api, rareWord, { mode: 'keyword' }))).toEqual([]);
      expect(namesFound(await search(stranger.api, question, { mode: 'semantic' }))).toEqual(['own.txt']);
    }
  });
});
