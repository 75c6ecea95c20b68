import type { PictureLimits } from '../../limits.ts';
import type { Look } from '../pictures/picture.ts';
import { explainEnd } from '../pictures/picture.ts';

export interface Recognised {
  /** By page, 1-based; only pages in which text was found. */
  texts: ReadonlyMap<number, string>;
  /** Present when not every page without text was looked at. */
  truncated?: string;
}

/** @param layers text of each page; undefined is a damaged one, which cannot be drawn either. */
export async function recognisePages(
  layers: readonly (string | undefined)[],
  limits: PictureLimits,
  look: Look,
): Promise<Recognised> {
  const bare = layers.flatMap((layer, index) => (layer === undefined || hasWords(layer) ? [] : [index + 1]));
  if (bare.length === 0) return { texts: new Map() };
  const pages = bare.slice(0, limits.pages);
  const sight = await look({ kind: 'pages', pages, milliseconds: limits.pagesMilliseconds });
  const found = sight.pages.filter(({ text }) => text !== '');
  const texts = new Map(found.map(({ page, text }) => [page, text]));
  const looked = sight.pages.length;
  if (looked >= bare.length) return { texts };
  const why = looked < pages.length ? `: ${explainEnd(sight)}` : '';
  const truncated = `Text was recognised in only the first ${looked} of ${bare.length} pages without a text layer${why}.`;
  return { texts, truncated };
}

function hasWords(layer: string): boolean {
  return /[\p{L}\p{N}]/u.test(layer);
}
