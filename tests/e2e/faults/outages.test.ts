import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, newAccount } from '../harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal } from '../harness/client.ts';
import { analysed, analysisOf, download, getFile, list, namesIn, post, upload } from '../harness/files.ts';
import type { Answer } from '../harness/guarantees.ts';
import { startTestStack, type TestStack, waitForModel } from '../harness/local-stack.ts';
import { namesFound, search } from '../harness/search.ts';
import { serviceOf, whileAway, whileHanging } from '../harness/services.ts';
import { until } from '../harness/until.ts';
import { type File, fileSchema, tokensSchema } from '../harness/wire.ts';

const RECOVERY = { withinMs: 60_000, everyMs: 100 };
const TEXT = 'The observatory on the hill recorded a meteor shower in August.';

describe('when a part goes away', () => {
  let system: TestStack;
  let api: Client;
  let account: Account;
  let kept: File;
  let hasModel: boolean;

  const login = () =>
    api.call('POST', '/v1/auth/login', { json: { email: account.email, password: account.password } });
  const content = async () => new TextDecoder().decode(await download(account.api, kept.id));

  beforeAll(async () => {
    system = await startTestStack({ composition: 'split' });
    hasModel = await waitForModel(system.stack);
    api = createClient(system.stack.url);
    account = await newAccount(api);
    kept = await upload(account.api, 'observatory.txt', TEXT);
    if (hasModel) await analysed(account.api, kept.id);
  });

  afterAll(async () => {
    await system?.dispose();
  });

  describe('the sidecar, killed', () => {
    it('search answers by keyword, uploads are taken, and all is made up for', async () => {
      let late: File | undefined;
      await whileAway(system.stack, 'sidecar', async () => {
        const result = await search(account.api, 'meteor sidecar');
        expect(result).toMatchObject({ degraded: true, mode: 'keyword' });
        expect(namesFound(result)).toEqual(hasModel ? ['observatory.txt'] : []);
        late = await upload(account.api, 'late.txt', 'Uploaded while nobody could read it.');
      });
      await until(
        async () => (await system.stack.embeddingModel().catch(() => undefined))?.state,
        (state) => state === (hasModel ? 'ready' : 'missing'),
        { ...RECOVERY, what: 'the sidecar to be back' },
      );
      if (!hasModel) return;
      await until(
        async () => {
          await system.stack.runCron();
          return analysisOf(account.api, late?.id ?? '');
        },
        ({ status }) => status === 'ready',
        { ...RECOVERY, everyMs: 500, what: 'the analysis to be made up for' },
      );
      await until(
        () => search(account.api, 'astronomy at night', { mode: 'semantic' }),
        ({ degraded }) => !degraded,
        { ...RECOVERY, what: 'search by meaning to be back' },
      );
    });
  });

  describe('the sidecar, hanging', () => {
    it('search answers by keyword, and does not wait for it', async () => {
      await whileHanging(system.stack, 'sidecar', async () => {
        const startedAt = Date.now();
        const result = await search(account.api, 'meteor hanging');
        expect(result).toMatchObject({ degraded: true, mode: 'keyword' });
        expect(Date.now() - startedAt).toBeLessThan(10_000);
      });
    });
  });

  describe.each(['SIGKILL', 'SIGSTOP'])('Redis, by %s', (signal) => {
    const work = async () => {
      bodyOf(await login(), 200, tokensSchema);
      await upload(account.api, `without-redis-${signal}.txt`, 'x');
      await search(account.api, `meteor ${signal}`);
      expect(await content()).toBe(TEXT);
    };

    it('login, upload, search and download work on', async () => {
      await (signal === 'SIGSTOP' ? whileHanging : whileAway)(system.stack, 'redis', work);
    });
  });

  describe('the object store, killed', () => {
    it('uploads and downloads answer 503, change nothing, and work again when it is back', async () => {
      const path = `/v1/files/${kept.id}/content`;
      await whileAway(system.stack, 's3', async () => {
        const answers = await Promise.all([
          account.api.call('GET', path),
          account.api.call('PUT', path, { body: 'must not be taken' }),
          post(account.api, 'without-store.txt', 'must not be taken'),
        ]);
        expect(answers.map(refusal)).toEqual(Array(3).fill('503 dependency_unavailable'));
        expect(await getFile(account.api, kept.id)).toMatchObject({
          version: kept.version,
          sha256: kept.sha256,
        });
        expect(await namesIn(account.api)).not.toContain('without-store.txt');
      });
      const back = await until(
        () => post(account.api, 'without-store.txt', 'taken now'),
        (answer) => answer.status !== 503,
        { ...RECOVERY, what: 'uploads to work again' },
      );
      bodyOf(back, 201, fileSchema);
      expect(await content()).toBe(TEXT);
    });
  });

  describe('the database, killed', () => {
    it('every call answers 503 until it is back with all that was stored', async () => {
      const stored = await list(account.api, { limit: '200' });
      const restart = await serviceOf(system.stack, 'postgres').crash();
      const calls: readonly (() => Promise<Answer>)[] = [
        login,
        () => account.api.call('GET', '/v1/files'),
        () => account.api.call('GET', `/v1/files/${kept.id}/content`),
        () => account.api.call('GET', '/v1/search?q=meteor'),
        () => post(account.api, 'without-database.txt', 'must not be taken'),
      ];
      for (const call of calls) expect(refusal(await call())).toBe('503 dependency_unavailable');
      expect((await api.call('GET', '/readyz')).status).toBe(503);
      expect((await api.call('GET', '/healthz')).status).toBe(200);

      const back = restart();
      const seen = new Set<number>();
      await until(
        async () => {
          const statuses = (await Promise.all(calls.slice(0, 4).map((call) => call()))).map(
            ({ status }) => status,
          );
          for (const status of statuses) seen.add(status);
          return statuses;
        },
        (statuses) => statuses.every((status) => status === 200),
        { ...RECOVERY, what: 'the database to be back' },
      );
      await back;
      expect([200, 503]).toEqual(expect.arrayContaining([...seen]));
      expect(
        (await list(account.api, { limit: '200' })).items.map(({ id, sha256 }) => ({ id, sha256 })),
      ).toEqual(stored.items.map(({ id, sha256 }) => ({ id, sha256 })));
      expect(await content()).toBe(TEXT);
      await upload(account.api, 'after-the-outage.txt', 'x');
    });
  });
});
