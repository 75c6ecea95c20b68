import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createWorker, OEM, type Worker } from 'tesseract.js';
import { confidentText } from './confidence.ts';
import { languageData } from './language-data.ts';

/** One byte a pixel, rows from the top. */
export interface GreyPicture {
  data: Uint8Array;
  width: number;
  height: number;
}

/** Text of a picture; empty when nothing in it is text for certain. One call at a time. */
export type Recogniser = (picture: GreyPicture) => Promise<string>;

/** Loads Tesseract on first use, which takes half a second. Its thread is this process's, and ends with it. */
export function createRecogniser(languages: readonly string[]): Recogniser {
  let worker: Promise<Worker> | undefined;
  return async (picture) => {
    worker ??= load(languages);
    const image = Buffer.concat([
      Buffer.from(`P5 ${picture.width} ${picture.height} 255\n`, 'latin1'),
      picture.data,
    ]);
    const { data } = await (await worker).recognize(image, {}, { text: false, blocks: true });
    return confidentText(data.blocks ?? []);
  };
}

/** Everything comes from installed packages; with a folder as `langPath` Tesseract.js fetches nothing. */
async function load(languages: readonly string[]): Promise<Worker> {
  const files = languages.map(languageData);
  const [only] = files;
  if (only !== undefined && files.length === 1) return await start(languages, dirname(only));
  const folder = await mkdtemp(join(tmpdir(), 'acs-ocr-'));
  try {
    // Each language is a package of its own, and Tesseract.js looks for all of them in one folder.
    for (const file of files) await symlink(file, join(folder, basename(file)));
    return await start(languages, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function start(languages: readonly string[], langPath: string): Promise<Worker> {
  return createWorker([...languages], OEM.LSTM_ONLY, {
    langPath,
    cacheMethod: 'none',
    // Without it a failure would be thrown where nobody can catch it.
    errorHandler: () => undefined,
  });
}
