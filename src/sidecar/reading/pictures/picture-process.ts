import { decodeOnly, ImageError } from '../../images.ts';
import { endWithParent } from '../../process-lifeline.ts';
import type { PictureMessage, PictureOrder } from './picture.ts';
import { createRecogniser, type Recogniser } from './recognise.ts';
import { lookAtPages } from './scanned-pages.ts';
import { lookAtPicture } from './still-picture.ts';

/** One process that looks at pictures: a hostile file takes down this process and nothing else. */

decodeOnly(['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff']);

let recogniser: Recogniser | undefined;
const send = (message: PictureMessage) => process.send?.(message);

process.on('message', async ({ job, path, limits, languages }: PictureOrder) => {
  recogniser ??= createRecogniser(languages);
  try {
    if (job.kind === 'pages') await lookAtPages(path, job.pages, limits, recogniser, send);
    else await lookAtPicture(path, job.contentType, limits, recogniser, send);
  } catch (error) {
    // Anything else is a defect: the process ends, and the parent says that it stopped.
    if (!(error instanceof ImageError)) throw error;
    send({ refusal: error.message });
  }
  send({ done: true });
});
endWithParent();
