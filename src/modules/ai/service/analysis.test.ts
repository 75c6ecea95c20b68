import { beforeEach, describe, expect, test } from 'vitest';
import type { ReadResponse } from '../../../contracts/sidecar.ts';
import type { StorageEvent } from '../../../contracts/storage.ts';
import { DependencyError } from '../../../core/resilience/dependency.ts';
import { createLogger } from '../../../core/telemetry/logger.ts';
import { ModelUnavailableError } from '../ports/inference.ts';
import type { Job, JobRepository, Outcome } from '../ports/jobs.ts';
import { createAnalysisService } from './analysis.ts';

/** What the repository is told, as one line a call; its rules have tests of their own beside the SQL. */
let told: string[];
let due: Job[];
let leased: boolean;
let saved: Map<number, { text: string; hasVector: boolean }>;

const job = (changes: Partial<Job> = {}): Job => ({
  versionId: 'ver_1',
  fileId: 'file_1',
  leaseToken: 't',
  attempts: 1,
  hasText: false,
  ...changes,
});
const chunk = (index: number) => ({ index, start: index, end: index + 1, text: `text ${index}` });
const read = (chunks: number): ReadResponse => ({
  status: 'read',
  contentType: 'text/plain',
  language: 'en',
  metadata: {},
  chunks: Array.from({ length: chunks }, (_, index) => chunk(index)),
});

beforeEach(() => {
  told = [];
  due = [job()];
  leased = true;
  saved = new Map();
});

const jobs: JobRepository = {
  cursor: async () => null,
  recordEvents: async () => {},
  claim: async () => due.shift(),
  renew: async () => leased,
  clearText: async () => saved.clear(),
  saveChunks: async (_job, chunks) => {
    for (const { index, text } of chunks) saved.set(index, { text, hasVector: false });
  },
  completeText: async () => void told.push('text complete'),
  unembedded: async (_job, limit) =>
    [...saved]
      .flatMap(([index, { text, hasVector }]) => (hasVector ? [] : [{ index, text }]))
      .slice(0, limit),
  saveVectors: async (_job, _model, vectors) => {
    for (const { index } of vectors) saved.set(index, { text: '', hasVector: true });
  },
  finish: async (_job, { status, reason }: Outcome) =>
    void told.push(reason ? `${status}: ${reason}` : status),
  release: async (_job, reason, delay) => void told.push(`released for ${delay} s: ${reason}`),
  postpone: async (_job, reason) => void told.push(`postponed: ${reason}`),
  secondsUntilDue: async () => undefined,
};

interface World {
  read?: () => Promise<ReadResponse>;
  embed?: (texts: readonly string[]) => Promise<{ model: string; vectors: number[][] }>;
  isGone?: boolean;
}

const source = {
  url: 'http://s3/x',
  fileId: 'file_1',
  driveId: 'usr_1',
  name: 'a',
  contentType: 'text/plain',
  size: 1,
  sha256: 'x',
};

const create = ({ read: reading, embed, isGone = false }: World) =>
  createAnalysisService({
    jobs,
    storage: {
      events: async () => [],
      files: async () => [],
      versionSource: async () => (isGone ? undefined : source),
    },
    reader: { read: reading ?? (async () => read(3)) },
    embedder: {
      embed: embed ?? (async (texts) => ({ model: 'm', vectors: texts.map(() => [1]) })),
    },
    newToken: () => 't',
    now: () => 0,
    logger: createLogger('silent', {}),
  });

const work = (world: World = {}) => create(world).workOff(() => true, 1);

describe('an analysis', () => {
  test('saves the text, then the vectors, then is ready', async () => {
    await work();
    expect(told).toEqual(['text complete', 'ready']);
    expect([...saved.values()].every(({ hasVector }) => hasVector)).toBe(true);
  });

  test('of a long document embeds it in slices, each passage once', async () => {
    const sizes: number[] = [];
    await work({
      read: async () => read(150),
      embed: async (texts) => {
        sizes.push(texts.length);
        return { model: 'm', vectors: texts.map(() => [1]) };
      },
    });
    expect(sizes).toEqual([64, 64, 22]);
  });

  test('without a model has its text indexed, waits, and later carries on without reading again', async () => {
    await work({ embed: () => Promise.reject(new ModelUnavailableError('none')) });
    expect(told).toEqual(['text complete', 'postponed: Waiting for the embedding model.']);
    due = [job({ attempts: 2, hasText: true })];
    await work({ read: () => Promise.reject(new Error('was read again')) });
    expect(told.at(-1)).toBe('ready');
  });

  test('of a file that is gone is skipped, with the reason', async () => {
    await work({ isGone: true });
    expect(told).toEqual(['skipped: The file was deleted before it was read.']);
  });

  test.each(['skipped', 'failed'] as const)('ends as %s with the reader’s reason', async (status) => {
    await work({
      read: async () => ({ status, contentType: 'application/pdf', reason: 'It is encrypted.' }),
    });
    expect(told).toEqual([`${status}: It is encrypted.`]);
  });

  test('that has lost its lease says nothing more', async () => {
    leased = false;
    await work();
    expect(told).toEqual([]);
  });

  test('waits for a dependency that is away, however often it has tried', async () => {
    due = [job({ attempts: 5 })];
    await work({ read: () => Promise.reject(new DependencyError('sidecar', 'away')) });
    expect(told).toEqual(['postponed: Waiting for a part of the service that is unavailable.']);
  });

  test('that fails for reasons of its own is tried again, later each time', async () => {
    for (const attempts of [1, 4]) {
      due = [job({ attempts })];
      await work({ read: () => Promise.reject(new Error('a bug')) });
    }
    expect(told.map((line) => line.split(':')[0])).toEqual(['released for 2 s', 'released for 16 s']);
  });

  test('that fails for reasons of its own is given up after five attempts', async () => {
    due = [job({ attempts: 5 })];
    await work({ read: () => Promise.reject(new Error('a bug')) });
    expect(told).toEqual(['failed: The analysis was given up after 5 attempts.']);
  });

  test('that takes its worker with it each time is given up without being tried again', async () => {
    due = [job({ attempts: 6 })];
    await work({ read: () => Promise.reject(new Error('was read again')) });
    expect(told).toEqual(['failed: The analysis was given up after 5 attempts.']);
  });
});

test('events are taken over page by page until there are no more', async () => {
  const event = (at: number): StorageEvent => ({
    cursor: `1:${at}`,
    type: 'file.moved',
    fileId: 'file_1',
    versionId: null,
  });
  let recorded = 0;
  let left = 450;
  const service = createAnalysisService({
    jobs: {
      ...jobs,
      async recordEvents(events) {
        recorded += events.length;
      },
    },
    storage: {
      events: async (_cursor, limit) => {
        const size = Math.min(limit, left);
        left -= size;
        return Array.from({ length: size }, (_, at) => event(at));
      },
      files: async () => [],
      versionSource: async () => undefined,
    },
    reader: { read: async () => read(0) },
    embedder: { embed: async () => ({ model: 'm', vectors: [] }) },
    newToken: () => 't',
    now: () => 0,
    logger: createLogger('silent', {}),
  });
  await service.takeOverEvents();
  expect(recorded).toBe(450);
});

test('no job is begun once the time is up', async () => {
  await create({}).workOff(() => false, 2);
  expect(told).toEqual([]);
});
