import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestAi, type TestAi } from './test-ai.ts';

let ai: TestAi;

beforeAll(async () => {
  ai = await startTestAi();
});
afterAll(() => ai.close());

test('a file is found by what it means as soon as it was worked off', async () => {
  const user = await ai.newUser();
  const id = await user.file('a.txt', 'The vet said that the kitten needs a vaccination in spring.');
  await ai.work();
  const found = await user.call('GET', '/v1/search?q=cat%20health');
  expect(found.body).toMatchObject({ degraded: false, items: [{ file: { id } }] });
});
