import { dirname } from 'node:path';
import { bodyOf } from '../e2e/harness/client.ts';
import { analysisOf, download, list, sha256 } from '../e2e/harness/files.ts';
import type { TestStack } from '../e2e/harness/local-stack.ts';
import { drivesOffTruth, fsck, letTimePass } from '../e2e/harness/storage-truth.ts';
import { until } from '../e2e/harness/until.ts';
import { versionPageSchema } from '../e2e/harness/wire.ts';
import type { World } from './workload.ts';

const ENDED = { withinMs: 90_000, everyMs: 1_000, what: 'every analysis to end' };

/** What must hold after any fault; see docs/faults.md. @returns what does not, in sentences */
export async function brokenInvariants(world: World, system: TestStack): Promise<string[]> {
  return [
    ...world.violations,
    ...(await lostWrites(world)),
    ...(await halfWrites(world)),
    ...(await lostVersions(world)),
    ...(await forgottenPromises(world)),
    ...(await stuckJobs(world, system)),
    ...(await disagreements(system)),
  ];
}

/** I1: what was acknowledged reads back as it was. */
async function lostWrites({ owner, acknowledged }: World): Promise<string[]> {
  const broken: string[] = [];
  for (const [id, digest] of acknowledged) {
    const bytes = await download(owner.api, id).catch((error: unknown) => String(error));
    if (typeof bytes === 'string') broken.push(`I1: ${id} was acknowledged, and ${bytes}`);
    else if (sha256(new Uint8Array(bytes)) !== digest) broken.push(`I1: ${id} has other bytes`);
  }
  return broken;
}

/** I2: what was not acknowledged is there as a whole, or not at all. */
async function halfWrites({ owner, sent }: World): Promise<string[]> {
  const broken: string[] = [];
  const { items } = await list(owner.api, { limit: '200' });
  for (const { id, name, kind } of items) {
    const digest = sent.get(name);
    if (kind !== 'file' || digest === undefined) continue;
    if (sha256(new Uint8Array(await download(owner.api, id))) !== digest)
      broken.push(`I2: ${name} is there by half`);
  }
  return broken;
}

/** I4: no version is lost, and their order is the order in which they were taken. */
async function lostVersions({ owner, versioned, versions }: World): Promise<string[]> {
  const answer = await owner.api.call('GET', `/v1/files/${versioned.id}/versions?limit=200`);
  const { items } = bodyOf(answer, 200, versionPageSchema);
  const numbers = versions.map((id) => items.find((item) => item.id === id)?.number);
  const isOrdered = numbers.every(
    (number, at) => number !== undefined && (at === 0 || number > (numbers[at - 1] ?? 0)),
  );
  return isOrdered ? [] : [`I4: acknowledged versions have the numbers ${numbers.join(', ')}`];
}

/** I1 and I6: what was said to be over is. */
async function forgottenPromises({ owner, api, doomed, link, over }: World): Promise<string[]> {
  const broken: string[] = [];
  const file = await owner.api.call('GET', `/v1/files/${doomed.id}`);
  const isTrashed =
    file.status === 404 || JSON.parse(new TextDecoder().decode(file.bytes)).trashedAt !== null;
  if (over.trashed && !isTrashed) broken.push('I1: a deleted file is back');
  const opened = await api.call('GET', `/v1/shared-links/${link.token}`);
  if (over.linkRevoked && opened.status === 200) broken.push('I6: a revoked link opens');
  return broken;
}

/** I5: every analysis ends, in something that is explained. */
async function stuckJobs({ owner, acknowledged }: World, { stack }: TestStack): Promise<string[]> {
  const open = async () => {
    await stack.runCron();
    const states = await Promise.all([...acknowledged.keys()].map((id) => analysisOf(owner.api, id)));
    return states.filter(({ status }) => status === 'pending' || status === 'processing');
  };
  const left = await until(open, (found) => found.length === 0, ENDED).catch(() => open());
  return left.map(({ reason }) => `I5: an analysis has not ended: ${reason}`);
}

/** I3: rows, bytes and counters agree, and nothing is left over once the sweepers have been. */
async function disagreements(system: TestStack): Promise<string[]> {
  await letTimePass(system.stack);
  const drives = await drivesOffTruth(system.stack);
  const report = await fsck(dirname(dirname(system.logFile)), '--deep');
  return [
    ...drives.map((drive) => `I3: a drive is off: ${JSON.stringify(drive)}`),
    ...report.findings.map(({ kind, key }) => `I3: ${kind} ${key}`),
  ];
}
