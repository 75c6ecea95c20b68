import { fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readSidecarConfig } from '../../config.ts';
import { readingLimits } from '../../limits.ts';
import { drawPrint } from '../../testing/scans.ts';
import type { PictureMessage, PictureOrder } from './picture.ts';

/** Runs before everything else in the process and in its threads: whoever asks for the network ends the process. */
const WITHOUT_NETWORK = `
import net from 'node:net';
import dns from 'node:dns';
const refuse = () => process.exit(99);
net.Socket.prototype.connect = refuse;
dns.lookup = refuse;
globalThis.fetch = refuse;
`;

it('text is recognised without a network, out of an empty folder', async () => {
  const path = join(tmpdir(), `acs-offline-test-${process.pid}.png`);
  await writeFile(
    path,
    drawPrint(['All of it is installed'], { width: 600, height: 150 }).toBuffer('image/png'),
  );
  const guard = `data:text/javascript,${encodeURIComponent(WITHOUT_NETWORK)}`;
  const child = fork(new URL('./picture-process.ts', import.meta.url), [], {
    cwd: tmpdir(),
    env: {},
    execArgv: ['--import', guard],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const messages = new Promise<PictureMessage[]>((resolve, reject) => {
    const heard: PictureMessage[] = [];
    child.on('exit', (code) => reject(new Error(`ended with ${code}`)));
    child.on('message', (message: PictureMessage) => {
      heard.push(message);
      if ('done' in message) resolve(heard);
    });
  });
  const order: PictureOrder = {
    job: { kind: 'picture', contentType: 'image/png', milliseconds: 10_000 },
    path,
    limits: readingLimits.pictures,
    languages: ['eng'],
  };
  child.send(order);
  expect(await messages).toContainEqual({ recognised: { page: 1, text: 'All of it is installed' } });
});

it('a language that is not installed keeps the sidecar from starting', () => {
  const environment = {
    S3_ENDPOINT: 'http://localhost:9000',
    SERVICE_TOKEN_SECRET: 'a secret of the test that is long enough',
  };
  expect(readSidecarConfig(environment).OCR_LANGUAGES).toEqual(['eng']);
  for (const OCR_LANGUAGES of ['eng,tlh', '../eng', 'eng/4.0.0', ','])
    expect(() => readSidecarConfig({ ...environment, OCR_LANGUAGES })).toThrow('OCR_LANGUAGES');
});
