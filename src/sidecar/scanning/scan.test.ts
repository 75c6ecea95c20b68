import { randomBytes, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { EICAR, type FakeClamd, startFakeClamd } from '../testing/clamd.ts';
import { seal } from '../testing/sealed.ts';
import { startTestSidecar, type TestSidecar } from '../testing/sidecar.ts';

/** A real one, whose database knows the EICAR file: `host:port` or the path of its socket. */
const realClamd = process.env.TEST_CLAMD_ADDRESS;

describe.each([
  ['over TCP', () => startFakeClamd(0)],
  ['over a Unix socket', () => startFakeClamd(join(tmpdir(), `acs-clamd-${randomUUID()}`))],
] as const)('a scan %s', (_, startClamd) => {
  let clamd: FakeClamd;
  let sidecar: TestSidecar;
  beforeAll(async () => {
    clamd = await startClamd();
    sidecar = await startTestSidecar({ clamdAddress: clamd.address });
  });
  afterAll(async () => {
    await sidecar.close();
    clamd.close();
  });
  afterEach(() => clamd.behave('well'));

  it.each([0, 1, 500_000])('of %i harmless bytes finds nothing', async (size) => {
    expect(await sidecar.files.scan(sidecar.put(randomBytes(size)))).toEqual({ status: 'clean' });
  });

  it('finds what is hidden at the end, and names it', async () => {
    const bytes = Buffer.concat([randomBytes(400_000), Buffer.from(EICAR)]);
    const signature = 'Eicar-Test-Signature';
    expect(await sidecar.files.scan(sidecar.put(bytes))).toEqual({ status: 'infected', signature });
  });

  it('sees the plaintext of what is encrypted', async () => {
    const { sealed, decryption } = await seal(Buffer.from(EICAR));
    const call = { ...sidecar.put(sealed), size: EICAR.length };
    expect(await sidecar.files.scan({ ...call, decryption })).toMatchObject({ status: 'infected' });
  });

  it('of more than the scanner takes is none', async () => {
    const answer = await sidecar.files.scan(sidecar.put(randomBytes(20_000_000)));
    expect(answer).toEqual({ status: 'unscanned', reason: 'too_large' });
  });

  it.each(['silent', 'hang up', 'talk nonsense', 'read nothing'] as const)(
    'by a scanner that does %s says nothing about the object',
    async (behaviour) => {
      clamd.behave(behaviour);
      // Enough to fill what a connection buffers.
      const call = sidecar.put(randomBytes(20_000_000));
      await expect(sidecar.files.scan(call)).rejects.toMatchObject({
        code: 'scanner_unavailable',
        retryAfterSeconds: 30,
      });
    },
  );

  it('of an object that is cut off is a fault of the store, not a clean bill', async () => {
    const call = sidecar.put('harmless');
    await expect(sidecar.files.scan({ ...call, size: 100 })).rejects.toMatchObject({
      code: 'source_unavailable',
    });
  });
});

it('asks for nothing when there is no scanner', async () => {
  const sidecar = await startTestSidecar();
  onTestFinished(() => sidecar.close());
  expect(await sidecar.files.scan(sidecar.put(EICAR))).toEqual({ status: 'unscanned', reason: 'no_scanner' });
  expect(sidecar.storeHits()).toBe(0);
});

it('fetches nothing when the scanner is away', async () => {
  const sidecar = await startTestSidecar({ clamdAddress: '127.0.0.1:1' });
  onTestFinished(() => sidecar.close());
  await expect(sidecar.files.scan(sidecar.put(EICAR))).rejects.toMatchObject({ code: 'scanner_unavailable' });
  expect(sidecar.storeHits()).toBe(0);
});

describe.runIf(realClamd)('the real clamd', () => {
  it('finds EICAR, nothing in noise, and has a limit', async () => {
    const sidecar = await startTestSidecar({ clamdAddress: realClamd ?? '' });
    onTestFinished(() => sidecar.close());
    expect(await sidecar.files.scan(sidecar.put(EICAR))).toMatchObject({ status: 'infected' });
    expect(await sidecar.files.scan(sidecar.put(randomBytes(500_000)))).toEqual({ status: 'clean' });
    const large = sidecar.put(Buffer.alloc(120_000_000));
    expect(await sidecar.files.scan(large)).toEqual({ status: 'unscanned', reason: 'too_large' });
  });
});
