const COLOURS = 5;
/** Levels of a channel that are counted as one. */
const STEP = 32;
/** Distance in RGB below which two colours are the same to a person. */
const NEAR = 48;

interface Bin {
  count: number;
  sum: [number, number, number];
}

/** The most present first, `#rrggbb`, no two alike. @param rgb three bytes a pixel. */
export function dominantColours(rgb: Uint8Array): string[] {
  const bins = new Map<number, Bin>();
  for (let at = 0; at + 2 < rgb.length; at += 3) {
    const [red = 0, green = 0, blue = 0] = rgb.subarray(at, at + 3);
    const key = [red, green, blue].reduce((code, level) => code * 8 + Math.floor(level / STEP), 0);
    const bin = bins.get(key) ?? { count: 0, sum: [0, 0, 0] };
    bin.count++;
    bin.sum = [bin.sum[0] + red, bin.sum[1] + green, bin.sum[2] + blue];
    bins.set(key, bin);
  }
  const chosen: number[][] = [];
  for (const { count, sum } of [...bins.values()].sort((a, b) => b.count - a.count)) {
    const colour = sum.map((total) => Math.round(total / count));
    if (chosen.every((other) => distance(other, colour) >= NEAR)) chosen.push(colour);
    if (chosen.length === COLOURS) break;
  }
  return chosen.map((colour) => `#${colour.map((level) => level.toString(16).padStart(2, '0')).join('')}`);
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((level, channel) => level - (b[channel] ?? 0)));
}
