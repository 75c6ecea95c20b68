/** A kind of content that its first bytes give away. */
export interface Kind {
  readonly type: string;
  /** Other types that are right for such content; for containers, whole families of them. */
  readonly also?: RegExp;
}

type Signature = Kind & {
  /** As Latin-1; a dot stands for any byte. */
  readonly magic: RegExp;
};

const zipped =
  /^application\/(x-zip(-compressed)?|java-archive|epub\+zip|vnd\..+|x-.+|.+\+zip)$|^model\/3mf$/;

/** The first that fits counts. Only what people store, and what is dangerous under a wrong name. */
const SIGNATURES: readonly Signature[] = [
  { magic: /^\x89PNG\r\n\x1a\n/, type: 'image/png', also: /^image\/(apng|x-png)$/ },
  { magic: /^\xff\xd8\xff/, type: 'image/jpeg', also: /^image\/(jpg|pjpeg|mpo)$/ },
  { magic: /^GIF8[79]a/, type: 'image/gif' },
  { magic: /^RIFF....WEBP/s, type: 'image/webp' },
  { magic: /^RIFF....WAVE/s, type: 'audio/wav', also: /^audio\/(x-wav|wave|vnd\.wave)$/ },
  {
    magic: /^RIFF....AVI /s,
    type: 'video/x-msvideo',
    also: /^video\/(avi|msvideo|vnd\.avi)$/,
  },
  { magic: /^.{4}ftypavi[fs]/s, type: 'image/avif' },
  { magic: /^.{4}ftyp(heic|heix|hevc|mif1|msf1)/s, type: 'image/heic', also: /^image\/(heif|avif)/ },
  { magic: /^.{4}ftypM4A/s, type: 'audio/mp4', also: /^(audio|video)\/(x-)?(m4a|mp4|aac)$/ },
  {
    magic: /^.{4}(ftyp|moov|mdat|wide|free|skip)/s,
    type: 'video/mp4',
    also: /^(video|audio)\/|^application\/mp4$|^image\/x-canon-cr3$/,
  },
  { magic: /^BM.{4}\0\0\0\0/s, type: 'image/bmp', also: /^image\/x-(ms-)?bmp$/ },
  {
    magic: /^(II\*\0|MM\0\*)/,
    type: 'image/tiff',
    also: /^image\/(x-(?!icon|ms-bmp|png).+|dng)$/,
  },
  { magic: /^\0\0\x01\0/, type: 'image/x-icon', also: /^image\/vnd\.microsoft\.icon$/ },
  { magic: /^(\xff\x0a|\0\0\0\x0cJXL )/, type: 'image/jxl' },
  { magic: /^\0\0\0\x0cjP {2}/, type: 'image/jp2', also: /^image\/j/ },
  { magic: /^8BPS/, type: 'image/vnd.adobe.photoshop', also: /photoshop|psd/ },
  { magic: /^%PDF-/, type: 'application/pdf', also: /^application\/(x-pdf|illustrator)$/ },
  { magic: /^(ID3|\xff[\xe2\xe3\xf1-\xf5\xf9-\xfd])/, type: 'audio/mpeg', also: /^audio\/(mp3|x-mp3|aac|x-aac|mpeg3)$/ },
  { magic: /^OggS/, type: 'application/ogg', also: /^(audio|video)\/(x-)?(ogg|opus|vorbis|theora|speex)/ },
  { magic: /^fLaC/, type: 'audio/flac', also: /^audio\/x-flac$/ },
  { magic: /^MThd/, type: 'audio/midi', also: /^audio\/x?-?mid/ },
  {
    magic: /^\x1aE\xdf\xa3/,
    type: 'video/webm',
    also: /^(audio|video)\/(webm|x-matroska|matroska)/,
  },
  { magic: /^\0\0\x01[\xb3\xba]/, type: 'video/mpeg', also: /^video\/(mpg|x-mpeg)$/ },
  { magic: /^PK(\x03\x04|\x05\x06|\x07\x08)/, type: 'application/zip', also: zipped },
  { magic: /^\x1f\x8b/, type: 'application/gzip', also: /^application\/(x-.+|.+\+gzip)$/ },
  { magic: /^BZh/, type: 'application/x-bzip2', also: /^application\/(x-.+|bzip2)$/ },
  { magic: /^\xfd7zXZ\0/, type: 'application/x-xz', also: /^application\/x-/ },
  { magic: /^\x28\xb5\x2f\xfd/, type: 'application/zstd', also: /^application\/x-/ },
  { magic: /^7z\xbc\xaf\x27\x1c/, type: 'application/x-7z-compressed' },
  { magic: /^Rar!\x1a\x07/, type: 'application/vnd.rar', also: /^application\/x-(rar|cbr).*/ },
  { magic: /^.{257}ustar/s, type: 'application/x-tar', also: /^application\/(tar|x-gtar|x-ustar)$/ },
  {
    magic: /^\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1/,
    type: 'application/x-cfb',
    also: /^application\/(msword|msexcel|mspowerpoint|vnd\.(ms-|visio|openxml).*|x-(msi|ole|msexcel|msword).*)$/,
  },
  {
    magic: /^MZ/,
    type: 'application/vnd.microsoft.portable-executable',
    also: /^application\/(x-ms(download|dos-program)|x-(dosexec|msdos-program|exe)|exe)$/,
  },
  { magic: /^\x7fELF/, type: 'application/x-elf', also: /^application\/x-(executable|sharedlib|object)$/ },
  {
    magic: /^(\xca\xfe\xba\xbe|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe)/,
    type: 'application/x-mach-binary',
    also: /^application\/(java-vm|x-java.*)$/,
  },
  { magic: /^\0asm/, type: 'application/wasm' },
  { magic: /^wOFF/, type: 'font/woff', also: /^application\/(x-)?font-woff$/ },
  { magic: /^wOF2/, type: 'font/woff2' },
  { magic: /^(\0\x01\0\0\0|true\0)/, type: 'font/ttf', also: /^(font\/|application\/(x-)?font).*/ },
  { magic: /^OTTO/, type: 'font/otf', also: /^(font\/|application\/(x-)?font).*/ },
  { magic: /^SQLite format 3\0/, type: 'application/vnd.sqlite3', also: /^application\/x-/ },
];

/** The kind by signature; text has none. @param head the first bytes, 4 KiB or the whole content */
export function kindOf(head: Uint8Array): Kind | undefined {
  const start = toLatin1(head.subarray(0, 300));
  return SIGNATURES.find(({ magic }) => magic.test(start));
}

/** Whether content of this type has to have a signature that is known here. */
export function hasSignature(type: string): boolean {
  return SIGNATURES.some((kind) => kind.type === type) || ZIP_BASED.test(type) || DEFINITE.test(type);
}

export const fits = (type: string, kind: Kind): boolean =>
  kind.type === type || (kind.also?.test(type) ?? false);

/** Under these types only a signature is right, though it is one that other types share. */
const ZIP_BASED =
  /^application\/(vnd\.openxmlformats-officedocument\..+|vnd\.oasis\.opendocument\..+|epub\+zip|java-archive|vnd\.android\.package-archive)$/;
const DEFINITE =
  /^(image\/(jpg|apng|heif|vnd\.microsoft\.icon|x-ms-bmp)|audio\/(mp3|ogg|webm|x-wav|x-flac)|video\/(webm|ogg|x-matroska|quicktime|x-m4v)|application\/(msword|vnd\.ms-(excel|powerpoint)|x-msdownload|x-zip-compressed))$/;

/** Bytes that no text has (https://mimesniff.spec.whatwg.org/#binary-data-byte), unless it is UTF-16. */
export function isText(head: Uint8Array): boolean {
  const [first, second] = head;
  if ((first === 0xfe && second === 0xff) || (first === 0xff && second === 0xfe)) return true;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return !/[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]/.test(toLatin1(head));
}

/** Where readers look for a format behind something else: in the first kilobyte for PDF, anywhere for ZIP. */
export function hidesAnother(head: Uint8Array): boolean {
  return /%PDF-|PK\x03\x04/.test(toLatin1(head));
}

function toLatin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
