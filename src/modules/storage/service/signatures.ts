/** A kind of content that its first bytes give away. */
export interface Kind {
  readonly type: string;
  /** Other types that are right for such content; for containers, whole families of them. */
  readonly also?: RegExp;
}

type Signature = Kind & {
  /** Of the first bytes in hexadecimal; two dots stand for any byte. */
  readonly magic: RegExp;
};

/** Archives that whole families of documents are. */
const zipped =
  /^application\/(x-zip(-compressed)?|java-archive|epub\+zip|vnd\..+|x-.+|.+\+zip)$|^model\/3mf$/;
const compound =
  /^application\/(msword|msexcel|mspowerpoint|vnd\.(ms-|visio|openxml).*|x-(msi|ole|msexcel|msword).*)$/;
const ownArchive = /^application\/x-/;

/** The first that fits counts. Only what people store, and what is dangerous under a wrong name. */
const SIGNATURES: readonly Signature[] = [
  { magic: /^89504e470d0a1a0a/, type: 'image/png', also: /^image\/(apng|x-png)$/ },
  { magic: /^ffd8ff/, type: 'image/jpeg', also: /^image\/(jpg|pjpeg|mpo)$/ },
  { magic: /^474946383[79]61/, type: 'image/gif' },
  { magic: /^52494646.{8}57454250/, type: 'image/webp' },
  { magic: /^52494646.{8}57415645/, type: 'audio/wav', also: /^audio\/(x-wav|wave|vnd\.wave)$/ },
  { magic: /^52494646.{8}41564920/, type: 'video/x-msvideo', also: /^video\/(avi|msvideo|vnd\.avi)$/ },
  // The brand behind `ftyp` (ISO/IEC 14496-12): avif, avis; heic, heix, hevc, mif1, msf1; M4A.
  { magic: /^.{8}6674797061766966|^.{8}6674797061766973/, type: 'image/avif' },
  {
    magic: /^.{8}66747970(68656963|68656978|68657663|6d696631|6d736631)/,
    type: 'image/heic',
    also: /^image\/(heif|avif)/,
  },
  { magic: /^.{8}667479704d3441/, type: 'audio/mp4', also: /^(audio|video)\/(x-)?(m4a|mp4|aac)$/ },
  // ftyp, moov, mdat, wide, free, skip: QuickTime, and all that came of it.
  {
    magic: /^.{8}(66747970|6d6f6f76|6d646174|77696465|66726565|736b6970)/,
    type: 'video/mp4',
    also: /^(video|audio)\/|^application\/mp4$|^image\/x-canon-cr3$/,
  },
  { magic: /^424d.{8}00000000/, type: 'image/bmp', also: /^image\/x-(ms-)?bmp$/ },
  {
    magic: /^(49492a00|4d4d002a)/,
    type: 'image/tiff',
    also: /^image\/(x-(?!icon|ms-bmp|png).+|dng)$/,
  },
  { magic: /^00000100/, type: 'image/x-icon', also: /^image\/vnd\.microsoft\.icon$/ },
  { magic: /^(ff0a|0000000c4a584c20)/, type: 'image/jxl' },
  { magic: /^0000000c6a502020/, type: 'image/jp2', also: /^image\/j/ },
  { magic: /^38425053/, type: 'image/vnd.adobe.photoshop', also: /photoshop|psd/ },
  { magic: /^255044462d/, type: 'application/pdf', also: /^application\/(x-pdf|illustrator)$/ },
  // ID3, or a frame of MPEG audio; not ff fe, which is text in UTF-16.
  {
    magic: /^(494433|ff(e[23]|f[1-59a-d]))/,
    type: 'audio/mpeg',
    also: /^audio\/(mp3|x-mp3|aac|x-aac|mpeg3)$/,
  },
  {
    magic: /^4f676753/,
    type: 'application/ogg',
    also: /^(audio|video)\/(x-)?(ogg|opus|vorbis|theora|speex)/,
  },
  { magic: /^664c6143/, type: 'audio/flac', also: /^audio\/x-flac$/ },
  { magic: /^4d546864/, type: 'audio/midi', also: /^audio\/x?-?mid/ },
  { magic: /^1a45dfa3/, type: 'video/webm', also: /^(audio|video)\/(webm|x-matroska|matroska)/ },
  { magic: /^000001b[3a]/, type: 'video/mpeg', also: /^video\/(mpg|x-mpeg)$/ },
  { magic: /^504b(0304|0506|0708)/, type: 'application/zip', also: zipped },
  { magic: /^1f8b/, type: 'application/gzip', also: /^application\/(x-.+|.+\+gzip)$/ },
  { magic: /^425a68/, type: 'application/x-bzip2', also: /^application\/(x-.+|bzip2)$/ },
  { magic: /^fd377a585a00/, type: 'application/x-xz', also: ownArchive },
  { magic: /^28b52ffd/, type: 'application/zstd', also: ownArchive },
  { magic: /^377abcaf271c/, type: 'application/x-7z-compressed' },
  { magic: /^526172211a07/, type: 'application/vnd.rar', also: /^application\/x-(rar|cbr).*/ },
  { magic: /^.{514}7573746172/, type: 'application/x-tar', also: /^application\/(tar|x-gtar|x-ustar)$/ },
  { magic: /^d0cf11e0a1b11ae1/, type: 'application/x-cfb', also: compound },
  {
    magic: /^4d5a/,
    type: 'application/vnd.microsoft.portable-executable',
    also: /^application\/(x-ms(download|dos-program)|x-(dosexec|msdos-program|exe)|exe)$/,
  },
  { magic: /^7f454c46/, type: 'application/x-elf', also: /^application\/x-(executable|sharedlib|object)$/ },
  {
    magic: /^(cafebabe|feedfa(ce|cf)|(ce|cf)faedfe)/,
    type: 'application/x-mach-binary',
    also: /^application\/(java-vm|x-java.*)$/,
  },
  { magic: /^0061736d/, type: 'application/wasm' },
  { magic: /^774f4646/, type: 'font/woff', also: /^application\/(x-)?font-woff$/ },
  { magic: /^774f4632/, type: 'font/woff2' },
  { magic: /^(0001000000|7472756500)/, type: 'font/ttf', also: /^(font\/|application\/(x-)?font).*/ },
  { magic: /^4f54544f/, type: 'font/otf', also: /^(font\/|application\/(x-)?font).*/ },
  { magic: /^53514c69746520666f726d6174203300/, type: 'application/vnd.sqlite3', also: ownArchive },
];

/** The kind by signature; text has none. @param head the first bytes, 300 at least or the whole content */
export function kindOf(head: Uint8Array): Kind | undefined {
  const start = Array.from(head.subarray(0, 300), (byte) => byte.toString(16).padStart(2, '0')).join('');
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

/** No byte that text has not (https://mimesniff.spec.whatwg.org/#binary-data-byte), unless it is UTF-16. */
export function isText(head: Uint8Array): boolean {
  const [first, second] = head;
  if ((first === 0xfe && second === 0xff) || (first === 0xff && second === 0xfe)) return true;
  return !head.some((byte) => byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d, 0x1b].includes(byte));
}

/** Readers look for a PDF behind something else too, and for a ZIP anywhere. */
export function hidesAnother(head: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(head);
  return text.includes('%PDF-') || text.includes('PK\u0003\u0004');
}
