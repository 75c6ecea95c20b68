import type { DocumentMetadata } from '../../../contracts/sidecar.ts';
import type { PictureLimits } from '../../limits.ts';
import type { ProcessEnd } from '../../process-pool.ts';

export type ImageMetadata = NonNullable<DocumentMetadata['image']>;

/** What a reader may ask of the process that looks at pictures; the file is the one that is being read. */
export type PictureJob =
  | { kind: 'picture'; contentType: string; milliseconds: number }
  /** 1-based pages of a PDF. */
  | { kind: 'pages'; pages: readonly number[]; milliseconds: number };

export interface RecognisedPage {
  page: number;
  text: string;
}

/** What was seen until the end; what a picture says is page 1. */
export interface Sight {
  image?: ImageMetadata;
  pages: readonly RecognisedPage[];
  /** Why the file cannot be looked at, for a person. */
  refusal?: string;
  /** `done`: everything that was asked for. */
  end: ProcessEnd;
}

/** Never rejects for what the file does. */
export type Look = (job: PictureJob) => Promise<Sight>;

export interface PictureOrder {
  job: PictureJob;
  path: string;
  limits: PictureLimits;
  /** Of Tesseract, as their packages are called. */
  languages: readonly string[];
}
export type PictureMessage =
  | { image: ImageMetadata }
  | { recognised: RecognisedPage }
  | { refusal: string }
  | { done: true };

/** Why there is not more to see, for a person; the end of a sentence. */
export function explainEnd({ end }: Sight): string {
  if (end === 'too-long') return 'it takes too long';
  if (end === 'too-much-memory') return 'it needs more memory than is allowed';
  return 'it stopped unexpectedly';
}
