import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type CrcAlgorithm, combineCrc, createCrc } from './crc.ts';

const hex = (algorithm: CrcAlgorithm, ...pieces: Buffer[]): string =>
  digest(algorithm, ...pieces).toString('hex');

function digest(algorithm: CrcAlgorithm, ...pieces: Buffer[]): Buffer {
  const crc = createCrc(algorithm);
  for (const piece of pieces) crc.update(piece);
  return crc.digest();
}

describe('CRC', () => {
  const check = Buffer.from('123456789');

  test('gives the check values of the CRC catalogue', () => {
    expect(hex('CRC32', check)).toBe('cbf43926');
    expect(hex('CRC32C', check)).toBe('e3069283');
    expect(hex('CRC64NVME', check)).toBe('ae8b14860a799888');
  });

  test('does not depend on how the bytes are cut', () => {
    const data = Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 31) & 255));
    for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME'] as const) {
      expect(hex(algorithm, data.subarray(0, 13), data.subarray(13, 500), data.subarray(500))).toBe(
        hex(algorithm, data),
      );
    }
  });

  test('combines two runs into the CRC of the whole', () => {
    const data = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7) & 255));
    for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME'] as const) {
      const [head, tail] = [data.subarray(0, 1234), data.subarray(1234)];
      const combined = combineCrc(algorithm, digest(algorithm, head), digest(algorithm, tail), tail.length);
      expect(combined.toString('hex')).toBe(hex(algorithm, data));
    }
    expect(crc32(data)).toBe(digest('CRC32', data).readUInt32BE());
  });
});
