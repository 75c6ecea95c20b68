import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createTestAnalyses } from '../../../src/sidecar/testing/analyses.ts';
import { textRequest } from '../../../src/sidecar/testing/texts.ts';

const analyses = createTestAnalyses({ folder: join(import.meta.dirname, '..') });
afterAll(() => analyses.close());

async function run(text: string) {
  const { results } = await analyses.analyse(
    textRequest(text, ['invoice-number']),
    AbortSignal.timeout(20_000),
  );
  return results[0];
}

it('is found in its folder and does not run unless a workspace wants it', async () => {
  const { plugins } = await analyses.plugins();
  expect(plugins.find(({ name }) => name === 'invoice-number')).toMatchObject({
    source: 'folder',
    enabledByDefault: false,
  });
});

it.each([
  ['Invoice No. 2024-0815 of 3 May', '2024-0815'],
  ['Rechnungsnummer: RE/77123', 'RE/77123'],
  ['Facture n° F2024-9', 'F2024-9'],
])('finds the number in "%s" and says where it stands', async (text, number) => {
  const start = text.indexOf(number);
  const output = { invoiceNumber: number, start, end: start + number.length };
  expect(await run(text)).toMatchObject({ status: 'done', output });
});

it('is skipped where there is none', async () => {
  expect(await run('The invoice was paid.')).toMatchObject({ status: 'skipped' });
});

it('takes little time for a text that is made to take much', async () => {
  const result = await run('invoice no '.repeat(9_000));
  expect(result?.status).toBe('skipped');
  expect(result?.milliseconds).toBeLessThan(1_000);
});
