import { type SidecarFiles, SidecarRefusedError } from '../../../contracts/sidecar-files.ts';
import type { Vault } from '../../../core/objects/vault.ts';
import type { DueObject, ObjectCheckRepository } from '../ports/object-checks.ts';

export interface ObjectChecksDependencies {
  readonly repository: ObjectCheckRepository;
  readonly vault: Vault;
  readonly sidecar: Pick<SidecarFiles, 'digest' | 'scan'>;
  readonly scan: 'hold' | 'on' | 'off';
  readonly now: () => number;
  /** Told of an object that could not be looked at now; it is tried again. */
  readonly onPostponed: (objectId: string, error: unknown) => void;
  /** Told of one that the scanner does not look at: it is handed out from now on. */
  readonly onUnscanned: (objectId: string, reason: string) => void;
}

const BATCH = 5;
/** A run after an answer has half a minute; cron looks again every minute. */
const RUN_MS = 20_000;
const URL_SECONDS = 3 * 3_600;

/**
 * Reads what nobody has read: parts that went straight to the store get their digest, and an announced one is held
 * against it; with the scanner on, every new object is scanned. The sidecar does the reading.
 */
export function createObjectChecks(dependencies: ObjectChecksDependencies): () => Promise<void> {
  const { repository, vault, sidecar, now } = dependencies;

  /** Undefined when the store says that there is no such object. */
  async function digestOf(request: Parameters<SidecarFiles['digest']>[0]): Promise<string | undefined> {
    try {
      return (await sidecar.digest(request)).sha256;
    } catch (error) {
      if (error instanceof SidecarRefusedError && error.code === 'source_gone') return undefined;
      throw error;
    }
  }

  async function check({ object, sha256: known, expectedSha256 }: DueObject): Promise<void> {
    const key = await vault.dataKey(object);
    const request = {
      url: await vault.presignStored(object, URL_SECONDS),
      size: object.size,
      ...(key === null ? {} : { decryption: { id: object.id, key } }),
    };
    const sha256 = known ?? (await digestOf(request));
    if (sha256 === undefined)
      return repository.refused(object.id, 'missing', 'there is nothing under its key');
    if (expectedSha256 !== null && expectedSha256 !== sha256)
      return repository.refused(object.id, 'corrupt', 'digest_mismatch');
    const scan = dependencies.scan === 'off' ? undefined : await sidecar.scan(request);
    if (scan?.status === 'infected') return repository.refused(object.id, 'infected', scan.signature);
    if (scan?.status === 'unscanned') {
      // Somebody means to have one: what is held is not let go because it is away.
      if (dependencies.scan === 'hold' && scan.reason === 'no_scanner')
        throw new Error('the sidecar has no scanner');
      dependencies.onUnscanned(object.id, scan.reason);
    }
    return repository.verified(object.id, sha256, scan?.status === 'clean');
  }

  return async () => {
    const end = now() + RUN_MS;
    for (let claimed = BATCH; claimed === BATCH && now() < end; ) {
      const due = await repository.claim(BATCH);
      claimed = due.length;
      for (const one of due)
        await check(one).catch((error: unknown) => dependencies.onPostponed(one.object.id, error));
    }
  };
}
