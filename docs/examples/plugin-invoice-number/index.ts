import type { Plugin } from '../../../src/sidecar/plugins/plugin.ts';

/** Bounded repetitions behind a word: linear in any text. */
const NUMBER =
  /\b(?:invoice|rechnung|facture)(?:s?nummer)?[ ]?(?:number|num|no|nr|n°|#)?[.:# ]{0,3}((?=[A-Z/-]{0,10}\d)[A-Z0-9][A-Z0-9/-]{2,29})/gi;

/** Finds the number of an invoice, English, German or French. */
export default {
  manifest: {
    name: 'invoice-number',
    version: '1.0.0',
    description: 'The number of an invoice, and where it stands.',
    inputs: ['text'],
    outputs: ['invoiceNumber', 'start', 'end'],
    mediaTypes: [
      'text/*',
      'application/pdf',
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    ],
    limits: { milliseconds: 2_000, characters: 100_000, outputBytes: 1_000 },
  },
  run({ text }) {
    const match = NUMBER[Symbol.matchAll](text).next().value;
    const invoiceNumber = match?.[1];
    if (match === undefined || invoiceNumber === undefined) return { skipped: 'There is no invoice number.' };
    const end = match.index + match[0].length;
    return { output: { invoiceNumber, start: end - invoiceNumber.length, end } };
  },
} satisfies Plugin<{ invoiceNumber: string; start: number; end: number }>;
