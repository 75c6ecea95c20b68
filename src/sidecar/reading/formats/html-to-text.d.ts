/** html-to-text 10 ships no types; this is the part in use. */
declare module 'html-to-text' {
  export interface ConvertOptions {
    wordwrap?: number | false;
    preserveNewlines?: boolean;
    limits?: { maxInputLength?: number; maxDepth?: number; ellipsis?: string };
    selectors?: readonly {
      selector: string;
      format?: string;
      options?: Readonly<Record<string, string | number | boolean>>;
    }[];
  }
  export function convert(html: string, options?: ConvertOptions): string;
}
