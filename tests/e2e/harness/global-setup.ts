import { cp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { z } from 'zod';
import type { BucketAddress } from './bucket.ts';
import { startCollector } from './collector.ts';
import { readSigningKeys } from './database.ts';
import { makeTemporaryFolder, startTestStack, type TestStack, waitForModel } from './local-stack.ts';
import { plantInto, searchLogs } from './planted.ts';

/** What the tests know of the running system, besides its public HTTP interface. */
export interface Installation {
  readonly url: string;
  readonly composition: 'split' | 'monolith';
  /** False only under ALLOW_NO_MODEL=1. */
  readonly hasModel: boolean;
  /** The private JSON Web Key Set that access tokens are signed with: what a forger must not get away with. */
  readonly signingKeys: string;
  /** The database behind the system, to look at what it keeps and to move time. */
  readonly databaseUrl: string;
  readonly databaseEndpoint: string;
  /** The log of the Workers. */
  readonly logFile: string;
  /** What our own services prove themselves with to each other. */
  readonly serviceTokenSecret: string;
  /** What a scraper of `/metrics` proves itself with. */
  readonly metricsToken: string;
  /** Where the spans of the system go (harness/collector.ts). */
  readonly collectorUrl: string;
  /** The outbox page of the e-mail stand-in. */
  readonly mailUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly maxUploadBytes: number;
  /** The bucket behind the system, to look at what it keeps. */
  readonly bucket: BucketAddress;
}

declare module 'vitest' {
  export interface ProvidedContext {
    installation: Installation;
  }
}

/** Small, so that the limit can be reached; larger than any other upload here. */
const MAX_UPLOAD_BYTES = 8 * 1024 * 1024;

/** Starts one system for all files of a project; the project's name says in which composition. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const composition = project.name === 'e2e-monolith' ? 'monolith' : 'split';
  const folder = await makeTemporaryFolder('telemetry');
  const collector = await startCollector(join(folder, 'spans.log'));
  plantInto(join(folder, 'planted.txt'));
  const traces = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '0.05' };
  const system = await startTestStack({
    composition,
    sidecarEnv: traces,
    bindings: {
      ...traces,
      MAX_UPLOAD_BYTES: String(MAX_UPLOAD_BYTES),
      RATE_LIMIT_SCALE: '1000',
      // Everything that could be logged: a test looks for secrets in it.
      LOG_LEVEL: 'debug',
      PASSWORD_HASHES_PER_SECOND: '1000',
      // Short, so that a test can wait for its end; long enough for fifty calls at once on a busy machine.
      REFRESH_GRACE_SECONDS: '4',
      // Services that need no front of ours, as tests/services/ tells.
      ...z.record(z.string(), z.string()).parse(JSON.parse(process.env.TEST_BINDINGS ?? '{}')),
    },
  });
  const { stack, logFile } = system;
  const dispose = async () => {
    try {
      await stack.stop();
      await collector.close();
      await cp(dirname(logFile), join(folder, 'logs'), { recursive: true });
      await rename(join(folder, 'spans.log'), join(folder, 'logs', 'spans.log'));
      await searchLogs(join(folder, 'logs'));
    } finally {
      await system.dispose();
      await rm(folder, { recursive: true, force: true });
    }
  };
  try {
    const hasModel = await waitForModel(stack);
    project.provide('installation', {
      ...(await describeInstallation({ stack, logFile }, composition)),
      hasModel,
      collectorUrl: collector.url,
      maxUploadBytes: MAX_UPLOAD_BYTES,
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return dispose;
}

/** For suites that start a system of their own. */
export async function describeInstallation(
  { stack, logFile }: Pick<TestStack, 'stack' | 'logFile'>,
  composition: Installation['composition'],
): Promise<Installation> {
  const database = {
    databaseUrl: stack.bindings.DATABASE_URL ?? '',
    databaseEndpoint: stack.bindings.DATABASE_FETCH_ENDPOINT ?? '',
  };
  return {
    url: stack.url,
    composition,
    hasModel: false,
    signingKeys: await readSigningKeys(stack, database),
    ...database,
    logFile,
    serviceTokenSecret: stack.secrets.serviceTokenSecret,
    metricsToken: stack.secrets.metricsToken,
    collectorUrl: '',
    mailUrl: new URL('/', stack.bindings.EMAIL_ENDPOINT).href,
    issuer: stack.bindings.AUTH_ISSUER ?? '',
    audience: stack.bindings.AUTH_AUDIENCE ?? '',
    maxUploadBytes: Number(stack.bindings.MAX_UPLOAD_BYTES),
    bucket: {
      endpoint: stack.bindings.S3_ENDPOINT ?? '',
      region: stack.bindings.S3_REGION ?? '',
      name: stack.bindings.S3_BUCKET ?? '',
      accessKeyId: stack.bindings.S3_ACCESS_KEY_ID ?? '',
      secretAccessKey: stack.bindings.S3_SECRET_ACCESS_KEY ?? '',
    },
  };
}
