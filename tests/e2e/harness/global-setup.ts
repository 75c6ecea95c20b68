import type { TestProject } from 'vitest/node';
import { startTestStack, waitForModel } from './local-stack.ts';

/** What the tests know of the running system, besides its public HTTP interface. */
export interface Installation {
  readonly url: string;
  readonly composition: 'split' | 'monolith';
  /** False only under ALLOW_NO_MODEL=1. */
  readonly hasModel: boolean;
  /** The private JSON Web Key Set that access tokens are signed with: what a forger must not get away with. */
  readonly signingKeys: string;
  readonly issuer: string;
  readonly audience: string;
  readonly maxUploadBytes: number;
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
  const { stack, dispose } = await startTestStack({
    composition,
    bindings: { MAX_UPLOAD_BYTES: String(MAX_UPLOAD_BYTES) },
  });
  try {
    project.provide('installation', {
      url: stack.url,
      composition,
      hasModel: await waitForModel(stack),
      signingKeys: stack.secrets.signingKeys,
      issuer: stack.bindings.AUTH_ISSUER ?? '',
      audience: stack.bindings.AUTH_AUDIENCE ?? '',
      maxUploadBytes: MAX_UPLOAD_BYTES,
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return dispose;
}
