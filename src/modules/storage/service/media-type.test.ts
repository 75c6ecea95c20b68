import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { isActive, runsNothing, typeOf } from './media-type.ts';

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const bytes = (...parts: (string | readonly number[])[]) =>
  latin1(parts.map((part) => (typeof part === 'string' ? part : String.fromCharCode(...part))).join(''));

const PNG = bytes([0x89], 'PNG\r\n', [0x1a], '\n', [0, 0, 0, 13], 'IHDR');
const JPEG = bytes([0xff, 0xd8, 0xff, 0xe0, 0, 16], 'JFIF', [0]);
const GIF = bytes('GIF89a', [1, 0, 1, 0]);
const PDF = bytes('%PDF-1.7\n%', [0xe2, 0xe3, 0xcf, 0xd3], '\n1 0 obj');
const ZIP = bytes('PK', [3, 4, 20, 0, 0, 0, 8, 0], 'mimetype');
const MP4 = bytes([0, 0, 0, 24], 'ftypisom', [0, 0, 2, 0]);
const EXE = bytes('MZ', [0x90, 0, 3, 0, 0, 0]);
const HTML = bytes('<!doctype html><script>alert(1)</script>');
const SVG = bytes('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
const TEXT = bytes('hello, world\n');
const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
const OCTETS = 'application/octet-stream';

describe('content is served as what it was announced as', () => {
  test.each([
    ['image/png', PNG],
    ['image/jpeg', JPEG],
    ['image/gif', GIF],
    ['application/pdf', PDF],
    ['application/zip', ZIP],
    [XLSX, ZIP],
    ['application/epub+zip', ZIP],
    ['video/mp4', MP4],
    ['video/quicktime', bytes([0, 0, 0, 8], 'wide', [0, 0, 0, 0], 'mdat')],
    ['audio/mpeg', bytes('ID3', [4, 0, 0])],
    ['audio/mpeg', bytes([0xff, 0xfb, 0x90, 0x64])],
    ['application/x-tar', bytes('a'.repeat(257), 'ustar', [0])],
    ['application/msword', bytes([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1])],
    ['application/gzip', bytes([0x1f, 0x8b, 8])],
    ['text/plain', TEXT],
    ['text/plain; charset=utf-8', TEXT],
    ['text/plain', new Uint8Array()],
    ['text/plain', HTML],
    ['text/plain', bytes('MZ is how this note begins')],
    ['text/plain', bytes([0xff, 0xfe, 0x68, 0, 0x69, 0])],
    ['text/plain', bytes('caf', [0xe9], ' in Latin-1')],
    ['text/html', HTML],
    ['image/svg+xml', SVG],
    ['application/json', bytes('{"a":1}')],
    ['text/csv', bytes('a;b\r\n1;2')],
    ['application/x-something-own', bytes([1, 2, 3, 0, 5])],
    ['image/x-something-own', bytes([1, 2, 3, 0, 5])],
  ])('%s', (announced, head) => {
    expect(typeOf(announced, head)).toEqual({ contentType: announced, announcedType: null });
  });
});

describe('content that is something else is octets, and what was announced is kept', () => {
  test.each([
    ['html as a picture', 'image/png', HTML],
    ['svg as a picture', 'image/jpeg', SVG],
    ['html as a PDF', 'application/pdf', HTML],
    ['a PDF as html', 'text/html', PDF],
    ['a ZIP as javascript', 'text/javascript', ZIP],
    ['a ZIP as a PDF', 'application/pdf', ZIP],
    ['a PDF behind something else', 'application/pdf', bytes('<b>%PDF-1.4')],
    ['javascript that is a PDF too', 'text/javascript', bytes('/*%PDF-1.4*/ alert(1)')],
    ['javascript that is a GIF too', 'text/javascript', bytes('GIF89a/*', '*/=1;alert(1)')],
    ['html that has a ZIP in it', 'text/html', bytes('<html>', 'PK\x03\x04')],
    ['a program as a picture', 'image/jpeg', EXE],
    ['a program as a document', 'application/x-something-own', EXE],
    ['a program as text', 'text/plain', EXE],
    ['a JPEG as a PNG', 'image/png', JPEG],
    ['a film as a picture', 'image/gif', MP4],
    ['text as a film', 'video/mp4', TEXT],
    ['text as an unknown film', 'video/x-something-own', HTML],
    ['text as a spreadsheet', XLSX, TEXT],
    ['nothing as a picture', 'image/png', new Uint8Array()],
    ['octets as text', 'text/plain', deflateSync('some text that is compressed')],
    ['flash', 'application/x-shockwave-flash', bytes('CWS', [10, 0])],
  ])('%s', (_, announced, head) => {
    expect(typeOf(announced, head)).toEqual({ contentType: OCTETS, announcedType: announced });
  });
});

test('where nothing was announced, content tells only what runs nothing', () => {
  expect(typeOf(OCTETS, PNG).contentType).toBe('image/png');
  for (const head of [HTML, SVG, PDF, ZIP, EXE, TEXT])
    expect(typeOf(OCTETS, head)).toEqual({ contentType: OCTETS, announcedType: null });
});

test('what is shown in a browser runs nothing', () => {
  for (const type of ['image/png', 'Image/PNG; x=y', 'audio/mpeg', 'video/mp4', 'text/plain; charset=utf-8'])
    expect(runsNothing(type), type).toBe(true);
  for (const type of [
    'text/html',
    'image/svg+xml',
    'application/pdf',
    'text/xml',
    'application/xhtml+xml',
    OCTETS,
  ])
    expect(runsNothing(type), type).toBe(false);
  for (const type of ['text/html', 'IMAGE/SVG+XML', 'application/rss+xml', 'text/javascript'])
    expect(isActive(type), type).toBe(true);
});
