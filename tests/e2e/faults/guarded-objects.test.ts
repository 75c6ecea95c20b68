import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EICAR, type FakeClamd, startFakeClamd } from '../../../src/sidecar/testing/clamd.ts';
import { newAccount } from '../harness/accounts.ts';
import { type Bucket, openBucket } from '../harness/bucket.ts';
import { bodyOf, type Client, createClient, refusal, textOf } from '../harness/client.ts';
import { query, tablesWith } from '../harness/database.ts';
import { download, getFile, upload } from '../harness/files.ts';
import { describeInstallation, type Installation } from '../harness/global-setup.ts';
import { startTestStack, type TestStack } from '../harness/local-stack.ts';
import { until } from '../harness/until.ts';
import { fileSchema } from '../harness/wire.ts';

// A system that scans and encrypts, as a careful operator would run it.

const WITHIN_MS = 150_000;
let clamd: FakeClamd;
let system: TestStack;
let installation: Installation;
let api: Client;
let bucket: Bucket;

beforeAll(async () => {
  clamd = await startFakeClamd(0);
  system = await startTestStack({
    composition: 'split',
    bindings: { MALWARE_SCAN: 'hold', OBJECT_ENCRYPTION: 'envelope', PASSWORD_HASHES_PER_SECOND: '1000' },
    sidecarEnv: { CLAMD_ADDRESS: clamd.address },
  });
  installation = await describeInstallation(system, 'split');
  api = createClient(installation.url);
  bucket = openBucket(installation.bucket);
});
afterAll(async () => {
  await system.dispose();
  clamd.close();
});

async function objectOf(fileId: string): Promise<{ key: string; state: string }> {
  const [row] = await query(
    installation,
    `select o.key, o.state from storage.files f join storage.versions v on v.id = f.current_version_id
       join storage.objects o on o.id = v.object_id where f.id = $1::uuid`,
    [fileId.slice(5)],
  );
  return { key: String(row?.key), state: String(row?.state) };
}

const settled = (mine: Client, id: string, wanted: string | null) =>
  until(
    async () => {
      await system.stack.runCron();
      return (await getFile(mine, id)).content;
    },
    (content) => content === wanted,
    { withinMs: WITHIN_MS, what: `the content to be ${wanted}` },
  );

/** The content, once the scanner has looked at it. */
async function scanned(mine: Client, id: string) {
  await until(
    async () => (await mine.call('HEAD', `/v1/files/${id}/content`)).status,
    (status) => status !== 409,
    { withinMs: WITHIN_MS, what: 'the scanner to have looked at it' },
  );
  return download(mine, id);
}

describe('malware', () => {
  it('is never handed out, by any door, and what is harmless is, once it was looked at', async () => {
    const { api: mine } = await newAccount(api);
    const bad = await upload(mine, 'invoice.txt', EICAR);
    const good = await upload(mine, 'harmless.txt', 'harmless');
    const shared = await mine.call('POST', `/v1/files/${bad.id}/links`, { json: { mode: 'download' } });
    const { token } = JSON.parse(textOf(shared));
    const paths = [
      `/v1/files/${bad.id}/content`,
      `/v1/files/${bad.id}/content?redirect=true`,
      `/v1/files/${bad.id}/content?disposition=inline`,
      `/v1/files/${bad.id}/versions/${bad.version?.id}/content`,
      `/v1/shared-links/${token}/files/${bad.id}/content`,
    ];
    const refusals = async () => {
      const answers = await Promise.all(paths.map((path) => mine.call('GET', path)));
      for (const answer of answers) expect(textOf(answer)).not.toContain('EICAR');
      return new Set(answers.map(refusal));
    };
    expect(['409 content_unscanned', '409 content_infected']).toEqual(
      expect.arrayContaining([...(await refusals())]),
    );
    await settled(mine, bad.id, 'infected');
    expect([...(await refusals())]).toEqual(['409 content_infected']);
    const copy = await mine.call('POST', `/v1/files/${bad.id}/copy`, { json: { name: 'copy.txt' } });
    if (copy.status === 201) {
      const { id } = bodyOf(copy, 201, fileSchema);
      expect(refusal(await mine.call('GET', `/v1/files/${id}/content`))).toBe('409 content_infected');
    }
    expect(new TextDecoder().decode(await scanned(mine, good.id))).toBe('harmless');
    expect((await getFile(mine, good.id)).content).toBe('live');
  });
});

describe('at rest', () => {
  it('neither bucket nor database has a word of what a file says', async () => {
    const { api: mine } = await newAccount(api);
    const canary = `canary ${randomUUID()}`;
    // Not text to the reader, which would index it: that the index has words is its purpose.
    const file = await upload(mine, 'secret.bin', new Uint8Array([0, 255, 0, ...Buffer.from(canary)]));
    expect(Buffer.from(await scanned(mine, file.id)).toString()).toContain(canary);
    const keys = await bucket.keys();
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(Buffer.from(await bucket.read(key)).includes(canary), key).toBe(false);
    expect(await tablesWith(installation, canary)).toEqual([]);
  });

  it('one flipped bit in the store is never served as good', async () => {
    const { api: mine } = await newAccount(api);
    const content = 'every byte of this counts '.repeat(1_000);
    const file = await upload(mine, 'exact.txt', content);
    await scanned(mine, file.id);
    const { key } = await objectOf(file.id);
    const bytes = await bucket.read(key);
    const at = Math.floor(bytes.byteLength / 2);
    await bucket.write(
      key,
      bytes.map((byte, index) => (index === at ? byte ^ 1 : byte)),
    );
    const served = await mine
      .call('GET', `/v1/files/${file.id}/content`, { headers: { 'accept-encoding': 'identity' } })
      .then(
        (answer) => (answer.status === 200 ? Buffer.from(answer.bytes).toString() : ''),
        () => '',
      );
    expect(content.startsWith(served)).toBe(true);
    expect(served.length).toBeLessThan(content.length);
  });
});
