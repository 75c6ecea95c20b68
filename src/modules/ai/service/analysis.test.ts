import { beforeEach, describe, expect, test } from 'vitest';
import type { AnalysisRequest, AnalysisResponse, ReadResponse } from '../../../contracts/sidecar.ts';
import type { StorageEvent } from '../../../contracts/storage.ts';
import { DependencyError } from '../../../core/resilience/dependency.ts';
import { createLogger } from '../../../core/telemetry/logger.ts';
import { type Embedder, ModelUnavailableError, WorkLostError } from '../ports/inference.ts';
import type { EmbeddingModels, Job, JobRepository, NotHandedOut } from '../ports/jobs.ts';
import { createAnalysisService } from './analysis.ts';

/** What the repository is told, as one line a call; its rules have tests of their own beside the SQL. */
let told: string[];
let due: Job[];
let lease: 'held' | 'give_way' | 'lost';
let saved: Map<number, string>;
/** `model:index` */
let vectors: Set<string>;
let models: EmbeddingModels;
let away: NotHandedOut;

const job = (changes: Partial<Job> = {}): Job => ({
  versionId: 'ver_1',
  fileId: 'file_1',
  leaseToken: 't',
  attempts: 1,
  todo: ['text', 'vectors', 'steps'],
  run: 1,
  priority: 0,
  isRedo: false,
  waitedSeconds: 0,
  traceparent: undefined,
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
  lease = 'held';
  saved = new Map();
  vectors = new Set();
  models = { current: 'm', next: null };
  away = 'trashed';
});

const save = (chunks: readonly { index: number; text: string }[]) => {
  for (const { index, text } of chunks) saved.set(index, text);
};

const jobs: JobRepository = {
  cursor: async () => null,
  recordEvents: async () => {},
  claim: async () => due.shift(),
  renew: async () => lease,
  whyNotHandedOut: async () => away,
  saveChunks: async (_job, chunks) => {
    told.push(`${chunks.length} chunks`);
    save(chunks);
  },
  completeText: async (_job, _properties, { chunks, count }) => {
    save(chunks);
    told.push(`text of ${count}`);
  },
  embeddingModels: async () => models,
  chooseModel: async (model) => {
    models = { current: model, next: null };
  },
  addSpace: async (model, dimensions) => void told.push(`${model} has ${dimensions}`),
  unembedded: async (_job, model, limit) =>
    [...saved]
      .filter(([index]) => !vectors.has(`${model}:${index}`))
      .map(([index, text]) => ({ index, text }))
      .slice(0, limit),
  saveVectors: async (_job, model, made) => {
    for (const { index } of made) vectors.add(`${model}:${index}`);
  },
  completeVectors: async (_job, model, provider) => {
    told.push(`vectors of ${model} by ${provider}`);
    return true;
  },
  stepInput: async () => ({
    contentType: 'text/plain',
    language: 'en',
    metadata: {},
    chunks: [...saved].map(([index, text]) => ({ ...chunk(index), text })),
    chunkCount: saved.size,
  }),
  finish: async (_job, results) =>
    void told.push(`ready${results ? `: ${results.map(({ step }) => step).join()}` : ''}`),
  refuse: async (_job, { status, reason }) => void told.push(`${status}: ${reason}`),
  abandon: async (_job, reason, { givenUp }) => void told.push(`${givenUp ? 'given up' : 'left'}: ${reason}`),
  release: async (_job, reason, delay) => void told.push(`released for ${delay} s: ${reason}`),
  postpone: async (_job, reason) => void told.push(`postponed: ${reason}`),
  pause: async () => void told.push('paused'),
  secondsUntilDue: async () => undefined,
};

interface World {
  read?: () => Promise<ReadResponse>;
  embed?: Embedder['embed'];
  steps?: (request: AnalysisRequest) => Promise<AnalysisResponse>;
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

const embed: Embedder['embed'] = async (texts, { model = 'm' }) => ({
  model,
  provider: 'p',
  vectors: texts.map(() => [1, 0]),
});
const stepped = ({ steps }: AnalysisRequest): AnalysisResponse => ({
  results: steps.map((step) => ({ step, version: '1.0.0', status: 'done', milliseconds: 1 })),
});

const create = (world: World, recording: Partial<JobRepository> = {}, events: StorageEvent[][] = []) =>
  createAnalysisService({
    jobs: { ...jobs, ...recording },
    storage: {
      events: async () => events.shift() ?? [],
      files: async () => [],
      versionSource: async () => (world.isGone ? undefined : source),
      applyRule: async () => ({ outcome: 'done' }),
    },
    reader: { read: world.read ?? (async () => read(3)) },
    embedder: { embed: world.embed ?? embed },
    steps: { run: world.steps ?? (async (request) => stepped(request)) },
    settings: { settingsOf: async () => ({ steps: ['keywords'], labels: [], fields: [] }) },
    newToken: () => 't',
    now: () => 0,
    logger: createLogger('silent', {}),
  });

const work = (world: World = {}) => create(world).workOff(() => true, 1);

describe('an analysis', () => {
  test('saves the text, then the vectors, then what the steps found', async () => {
    await work();
    expect(told).toEqual(['text of 3', 'm has 2', 'vectors of m by p', 'ready: keywords']);
    expect(vectors.size).toBe(3);
  });

  test('of a few hundred passages puts its text in place at once, of more in slices', async () => {
    await work({ read: async () => read(256) });
    expect(told[0]).toBe('text of 256');
    told = [];
    due = [job()];
    await work({ read: async () => read(600) });
    expect(told.slice(0, 3)).toEqual(['256 chunks', '256 chunks', 'text of 600']);
  });

  test('of a long document embeds it in slices, each passage once', async () => {
    const sizes: number[] = [];
    await work({
      read: async () => read(150),
      embed: (texts, options) => {
        sizes.push(texts.length);
        return embed(texts, options);
      },
    });
    expect(sizes).toEqual([64, 64, 22]);
  });

  test('does only what is still to be done', async () => {
    due = [job({ todo: ['steps'], isRedo: true })];
    await work({
      read: () => Promise.reject(new Error('was read again')),
      embed: () => Promise.reject(new Error('was embedded again')),
    });
    expect(told).toEqual(['ready: keywords']);
  });

  test('takes what answers for the deployment’s model when nobody has chosen one', async () => {
    models = { current: null, next: null };
    await work({ embed: (texts, { model = 'default', priority }) => embed(texts, { model, priority }) });
    expect(told).toContain('vectors of default by p');
  });

  test('makes vectors of the model in use and of the one that is to come', async () => {
    models = { current: 'm', next: 'n' };
    await work();
    expect([...vectors].toSorted()).toEqual(['m:0', 'm:1', 'm:2', 'n:0', 'n:1', 'n:2']);
    expect(told).toContain('vectors of m by p');
  });

  test('keeps no vector that another model made than was asked for', async () => {
    await work({ embed: (texts) => embed(texts, { model: 'another', priority: 'batch' }) });
    expect(vectors.size).toBe(0);
    expect(told.at(-1)).toMatch(/^released/);
  });

  test('without a model has its text indexed and waits', async () => {
    await work({ embed: () => Promise.reject(new ModelUnavailableError('none')) });
    expect(told).toEqual(['text of 3', 'postponed: Waiting for the embedding model.']);
  });

  test('sends the steps no more than they take, and says when it is not all', async () => {
    const sent: AnalysisRequest[] = [];
    const long = 'x'.repeat(1_000_000);
    await work({
      read: async () =>
        ({
          ...read(9),
          chunks: Array.from({ length: 9 }, (_, at) => ({ ...chunk(at), text: long })),
        }) as ReadResponse,
      steps: async (request) => {
        sent.push(request);
        return stepped(request);
      },
    });
    expect(sent[0]).toMatchObject({ complete: false });
    expect(sent[0]?.chunks).toHaveLength(5);
  });

  test('of a file in the trash is left as it is, of a file that is gone too', async () => {
    await work({ isGone: true });
    [away, due] = ['deleted', [job()]];
    await work({ isGone: true });
    expect(told).toEqual([
      'left: The file was in the trash when it was to be read.',
      'left: The file was deleted before it was read.',
    ]);
  });

  test('of content that was refused is skipped, with the reason', async () => {
    away = 'infected';
    await work({ isGone: true });
    expect(told).toEqual(['skipped: The content is infected, so it is not read.']);
  });

  test.each(['skipped', 'failed'] as const)('ends as %s with the reader’s reason', async (status) => {
    await work({
      read: async () => ({ status, contentType: 'application/pdf', reason: 'It is encrypted.' }),
    });
    expect(told).toEqual([`${status}: It is encrypted.`]);
  });

  test('that has lost its lease says nothing more', async () => {
    lease = 'lost';
    await work();
    expect(told).toEqual([]);
  });

  test('gives way to something more urgent between its slices, and does not count that as an attempt', async () => {
    due = [job({ priority: 1, todo: ['vectors'] })];
    saved.set(0, 'text');
    lease = 'give_way';
    await work();
    expect(told).toEqual(['paused']);
  });

  test('leaves the rest to the next one when the time is up', async () => {
    let left = 5;
    await create({ read: async () => read(500) }).workOff(() => --left > 0, 1);
    expect(told.at(-1)).toBe('paused');
    expect(vectors.size).toBeGreaterThan(0);
  });

  test('waits for a dependency that is away, however often it has tried', async () => {
    due = [job({ attempts: 5 })];
    await work({ read: () => Promise.reject(new DependencyError('sidecar', 'away')) });
    expect(told).toEqual([
      'postponed: Waiting for the part of the service that reads documents and runs models.',
    ]);
  });

  test('over which the reader is lost each time is given up', async () => {
    for (const attempts of [1, 5]) {
      due = [job({ attempts })];
      await work({ read: () => Promise.reject(new WorkLostError('gone')) });
    }
    expect(told).toEqual([
      'released for 2 s: The reader was lost while it was at this file; it will be tried again.',
      'given up: The analysis was given up after 5 attempts.',
    ]);
  });

  test('that fails for reasons of its own is tried again, later each time', async () => {
    for (const attempts of [1, 4]) {
      due = [job({ attempts })];
      await work({ read: () => Promise.reject(new Error('a bug')) });
    }
    expect(told.map((line) => line.split(':')[0])).toEqual(['released for 2 s', 'released for 16 s']);
  });

  test('that takes its worker with it each time is given up without being tried again', async () => {
    due = [job({ attempts: 6 })];
    await work({ read: () => Promise.reject(new Error('was read again')) });
    expect(told).toEqual(['given up: The analysis was given up after 5 attempts.']);
  });
});

test('events are taken over page by page until there are no more', async () => {
  const event: StorageEvent = { cursor: '1:1', type: 'file.moved', fileId: 'file_1', versionId: null };
  let recorded = 0;
  const recordEvents = async (events: readonly StorageEvent[]) => {
    recorded += events.length;
  };
  const pages = [200, 200, 50, 7].map((size) => Array.from({ length: size }, () => event));
  await create({}, { recordEvents }, pages).takeOverEvents();
  expect(recorded).toBe(450);
});

test('no job is begun once the time is up', async () => {
  await create({}).workOff(() => false, 2);
  expect(told).toEqual([]);
});
