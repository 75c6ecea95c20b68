import { crc32 } from 'node:zlib';

/** A running CRC; `digest` is big-endian, as in the x-amz-checksum- headers. */
export interface Crc {
  update(data: Buffer): void;
  digest(): Buffer;
}

/** Reflected polynomials, by width in bits. CRC-64/NVME: https://reveng.sourceforge.io/crc-catalogue/17plus.htm */
const POLYNOMIALS = {
  CRC32: { bits: 32n, polynomial: 0xedb88320n },
  CRC32C: { bits: 32n, polynomial: 0x82f63b78n },
  CRC64NVME: { bits: 64n, polynomial: 0x9a6c9329ac4bc9b5n },
} as const;

export type CrcAlgorithm = keyof typeof POLYNOMIALS;

export function createCrc(algorithm: CrcAlgorithm): Crc {
  if (algorithm !== 'CRC32') return createTableCrc(algorithm);
  let value = 0;
  return {
    update: (data) => {
      value = crc32(data, value);
    },
    digest: () => bigEndian(0, value).subarray(4),
  };
}

/** The CRC of two runs of bytes put together, from their CRCs and the length of the second. */
export function combineCrc(
  algorithm: CrcAlgorithm,
  first: Buffer,
  second: Buffer,
  secondBytes: number,
): Buffer {
  const { bits, polynomial } = POLYNOMIALS[algorithm];
  // first * x^(8n) + second over GF(2), the powers of x by squaring.
  const one = 1n << (bits - 1n);
  let shift = one;
  let power = one >> 8n;
  for (let count = secondBytes; count > 0; count = Math.floor(count / 2)) {
    if (count % 2 === 1) shift = multiply(shift, power, bits, polynomial);
    power = multiply(power, power, bits, polynomial);
  }
  const combined = multiply(shift, toBigInt(first), bits, polynomial) ^ toBigInt(second);
  return Buffer.from(combined.toString(16).padStart(Number(bits / 4n), '0'), 'hex');
}

/** Product modulo the polynomial; reflected, so the highest bit is x^0. */
function multiply(left: bigint, right: bigint, bits: bigint, polynomial: bigint): bigint {
  let product = 0n;
  let shifted = right;
  for (let mask = 1n << (bits - 1n); mask > 0n; mask >>= 1n) {
    if (left & mask) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n;
  }
  return product;
}

interface Tables {
  high: Uint32Array;
  low: Uint32Array;
}

const SLICES = 8;
const tables = new Map<CrcAlgorithm, Tables>();

/** Eight tables of 256 entries ("slicing by 8"), each entry split in two halves: BigInt would be 50 times slower. */
function tablesOf(algorithm: CrcAlgorithm): Tables {
  const known = tables.get(algorithm);
  if (known) return known;
  const { polynomial } = POLYNOMIALS[algorithm];
  const built = { high: new Uint32Array(SLICES * 256), low: new Uint32Array(SLICES * 256) };
  const entries: bigint[] = [];
  for (let index = 0; index < SLICES * 256; index += 1) {
    let value = index < 256 ? BigInt(index) : (entries[index - 256] ?? 0n);
    if (index < 256)
      for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    else value = (value >> 8n) ^ (entries[Number(value & 0xffn)] ?? 0n);
    entries.push(value);
    built.high[index] = Number(value >> 32n);
    built.low[index] = Number(value & 0xffffffffn);
  }
  tables.set(algorithm, built);
  return built;
}

function createTableCrc(algorithm: CrcAlgorithm): Crc {
  const { high, low } = tablesOf(algorithm);
  const wide = POLYNOMIALS[algorithm].bits === 64n;
  const mask = wide ? 0xffffffff : 0;
  let h = mask;
  let l = 0xffffffff;
  const update = (data: Buffer): void => {
    const whole = data.length - (data.length % SLICES);
    let at = 0;
    for (; at < whole; at += SLICES) {
      const a = l ^ data.readInt32LE(at);
      const b = h ^ data.readInt32LE(at + 4);
      const s0 = 1792 + (a & 255);
      const s1 = 1536 + ((a >>> 8) & 255);
      const s2 = 1280 + ((a >>> 16) & 255);
      const s3 = 1024 + (a >>> 24);
      const s4 = 768 + (b & 255);
      const s5 = 512 + ((b >>> 8) & 255);
      const s6 = 256 + ((b >>> 16) & 255);
      const s7 = b >>> 24;
      l = at8(low, s0, s1, s2, s3) ^ at8(low, s4, s5, s6, s7);
      h = wide ? at8(high, s0, s1, s2, s3) ^ at8(high, s4, s5, s6, s7) : 0;
    }
    for (; at < data.length; at += 1) {
      const index = (l ^ (data[at] ?? 0)) & 255;
      l = ((l >>> 8) | (h << 24)) ^ (low[index] ?? 0);
      h = (h >>> 8) ^ (high[index] ?? 0);
    }
  };
  const digest = (): Buffer => {
    const whole = bigEndian((h ^ mask) >>> 0, ~l >>> 0);
    return wide ? whole : whole.subarray(4);
  };
  return { update, digest };
}

function at8(table: Uint32Array, a: number, b: number, c: number, d: number): number {
  return (table[a] ?? 0) ^ (table[b] ?? 0) ^ (table[c] ?? 0) ^ (table[d] ?? 0);
}

function bigEndian(high: number, low: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(high, 0);
  bytes.writeUInt32BE(low, 4);
  return bytes;
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}
