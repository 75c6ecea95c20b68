import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * What Tesseract knows of a language, from the package `@tesseract.js-data/{language}`, the integer variant of the best
 * models.
 * @throws Error when the package is not installed.
 */
export function languageData(language: string): string {
  const entry = createRequire(import.meta.url).resolve(`@tesseract.js-data/${language}`);
  return join(dirname(entry), '4.0.0_best_int', `${language}.traineddata.gz`);
}

export function hasLanguageData(language: string): boolean {
  try {
    return existsSync(languageData(language));
  } catch {
    return false;
  }
}
