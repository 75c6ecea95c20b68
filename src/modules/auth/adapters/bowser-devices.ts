import Bowser from 'bowser';

/** `Firefox on Linux`; null when nothing is recognised. A hint for people: clients write what they like. */
export function deviceOf(userAgent: string): string | null {
  const { browser, os } = Bowser.parse(userAgent);
  const [program, system] = [browser.name || undefined, os.name || undefined];
  if (program && system) return `${program} on ${system}`;
  return program ?? system ?? null;
}
