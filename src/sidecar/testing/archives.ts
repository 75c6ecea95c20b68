import { buffer as collect } from 'node:stream/consumers';
import { createGzip, gzipSync } from 'node:zlib';
import { type Zippable, zipSync } from 'fflate';
import { pack } from 'tar-stream';

/** Archives made by hand: small, exact, and as hostile as needed. */

export const makeZip = (entries: Zippable): Uint8Array => zipSync(entries);

/** A tar (ustar); `null` is a directory. */
export async function makeTar(entries: Readonly<Record<string, string | null>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(entries)) {
    if (content === null) tar.entry({ name, type: 'directory' });
    else tar.entry({ name }, content);
  }
  tar.finalize();
  return collect(tar);
}

export const makeTarGz = async (entries: Readonly<Record<string, string | null>>): Promise<Buffer> =>
  gzipSync(await makeTar(entries));

/** Gzip of so many zeros, a member for each gigabyte so that it is quickly made: a thousandth of that. */
export async function makeGzipOfZeros(gigabytes: number): Promise<Buffer> {
  const gzip = createGzip({ level: 6 });
  const whole = collect(gzip);
  const zeros = Buffer.alloc(1_048_576);
  for (let i = 0; i < 1_024; i++) {
    if (!gzip.write(zeros)) await new Promise((resolve) => gzip.once('drain', resolve));
  }
  gzip.end();
  const member = await whole;
  return Buffer.concat(Array.from({ length: gigabytes }, () => member));
}

/** A zip in a zip in a zip: `width` of them at each of `depth` levels, with `inside` in the innermost. */
export function nestZips(depth: number, width: number, inside: Zippable): Uint8Array {
  let zip = zipSync(inside);
  for (let level = 1; level < depth; level++) {
    zip = zipSync(Object.fromEntries(Array.from({ length: width }, (_, i) => [`lib ${i}.zip`, zip])));
  }
  return zip;
}

/** A zip of nothing but so many empty files; beyond 65,535 its count is modulo 65,536, as old programs write it. */
export function makeZipOfMany(count: number): Uint8Array {
  const name = (index: number) => Buffer.from(`f${String(index).padStart(7, '0')}`);
  const local = Buffer.alloc(38);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(8, 26);
  const record = Buffer.alloc(54);
  record.writeUInt32LE(0x02014b50, 0);
  record.writeUInt16LE(8, 28);
  const out = Buffer.alloc(count * (38 + 54) + 22);
  for (let i = 0; i < count; i++) {
    local.copy(out, i * 38);
    name(i).copy(out, i * 38 + 30);
    const at = count * 38 + i * 54;
    record.writeUInt32LE(i * 38, 42);
    record.copy(out, at);
    name(i).copy(out, at + 46);
  }
  const end = count * (38 + 54);
  out.writeUInt32LE(0x06054b50, end);
  out.writeUInt16LE(count % 65_536, end + 8);
  out.writeUInt16LE(count % 65_536, end + 10);
  out.writeUInt32LE(count * 54, end + 12);
  out.writeUInt32LE(count * 38, end + 16);
  return out;
}

/** Every record of the directory points at the first entry (Fifield, "A better zip bomb"). */
export function overlapEntries(zip: Uint8Array): Uint8Array {
  return forDirectory(zip, (view, at) => view.setUint32(at + 42, 0, true));
}

/** The directory says of each entry that it is no larger than 1,000 bytes. */
export function lieAboutSizes(zip: Uint8Array): Uint8Array {
  return forDirectory(zip, (view, at) =>
    view.setUint32(at + 24, Math.min(view.getUint32(at + 24, true), 1_000), true),
  );
}

function forDirectory(zip: Uint8Array, change: (view: DataView, at: number) => void): Uint8Array {
  const changed = zip.slice();
  const view = new DataView(changed.buffer);
  for (let at = 0; at + 4 < changed.length; at++) {
    if (view.getUint32(at, true) === 0x02014b50) change(view, at);
  }
  return changed;
}

/** A compound file (MS-CFB): its header, and a directory with entries of these names. */
export function makeCompoundFile(streams: readonly string[]): Buffer {
  const file = Buffer.alloc(512 * 4);
  Buffer.from('d0cf11e0a1b11ae1', 'hex').copy(file);
  file.writeUInt16LE(0x3e, 24);
  file.writeUInt16LE(3, 26);
  file.writeUInt16LE(0xfffe, 28);
  file.writeUInt16LE(9, 30);
  file.writeUInt32LE(1, 48);
  for (const [index, name] of ['Root Entry', ...streams].slice(0, 8).entries()) {
    const at = 1_024 + index * 128;
    file.write(name, at, 'utf16le');
    file.writeUInt16LE(name.length * 2 + 2, at + 64);
    file.writeUInt8(index === 0 ? 5 : 2, at + 66);
  }
  return file;
}

/** Links of a tar: symbolic ones and a hard one, to places outside of it. */
export async function makeTarOfLinks(): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'link', type: 'symlink', linkname: '/etc/passwd' });
  tar.entry({ name: 'up', type: 'symlink', linkname: '../../../../etc' });
  tar.entry({ name: 'hard', type: 'link', linkname: '/etc/passwd' });
  tar.entry({ name: 'up/passwd' }, 'x');
  tar.finalize();
  return collect(tar);
}

/** A zip whose entry is a symbolic link (its mode as Unix programs write it) to `target`. */
export const makeZipOfLink = (target: string): Uint8Array =>
  zipSync({ link: [Buffer.from(target), { os: 3, attrs: (0o120777 << 16) >>> 0 }] });
