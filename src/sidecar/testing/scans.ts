import { createCanvas } from '@napi-rs/canvas';

/** Print and scans of it, made for tests. */

/** Pixels of an A4 page of 150 dpi. */
const PAGE = { width: 1_240, height: 1_754 };

export interface PrintOptions {
  width?: number;
  height?: number;
}

/** A picture of black print on white, one line for each string. */
export function drawPrint(lines: readonly string[], { width, height }: PrintOptions = {}) {
  const canvas = createCanvas(width ?? PAGE.width, height ?? PAGE.height);
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#111';
  context.font = '28px DejaVu Sans, Liberation Sans, sans-serif';
  for (const [index, text] of lines.entries()) context.fillText(text, 60, 80 + index * 44);
  return canvas;
}

/** A PDF 1.4; each page is a scan (of lines of print), lines of a text layer, or nothing. */
export type PdfPage = { scan: readonly string[] } | { text: readonly string[] } | 'blank';

export function makeScannedPdf(pages: readonly PdfPage[]): Uint8Array {
  const objects: Buffer[] = [Buffer.from('<< /Type /Catalog /Pages 2 0 R >>'), Buffer.alloc(0)];
  const add = (object: Buffer | string) => objects.push(Buffer.from(object));
  add('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>');
  const kids = pages.map((page) => {
    let content = '';
    let resources = '<< /Font << /F1 3 0 R >> >>';
    if (page !== 'blank' && 'text' in page)
      content = `BT /F1 12 Tf 72 780 Td ${page.text.map((line) => `(${line}) Tj 0 -14 Td`).join(' ')} ET`;
    if (page !== 'blank' && 'scan' in page) {
      const canvas = drawPrint(page.scan);
      const jpeg = canvas.toBuffer('image/jpeg', 70);
      const image = `/Type /XObject /Subtype /Image /Width ${canvas.width} /Height ${canvas.height} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode`;
      resources = `<< /XObject << /Im0 ${add(stream(image, jpeg))} 0 R >> >>`;
      content = 'q 595 0 0 842 0 0 cm /Im0 Do Q';
    }
    const contents = add(stream('', Buffer.from(content)));
    return `${add(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${contents} 0 R /Resources ${resources} >>`)} 0 R`;
  });
  objects[1] = Buffer.from(`<< /Type /Pages /Kids [${kids.join(' ')}] /Count ${kids.length} >>`);
  return assemble(objects);
}

function stream(dictionary: string, data: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`<< ${dictionary} /Length ${data.length} >>\nstream\n`),
    data,
    Buffer.from('\nendstream'),
  ]);
}

function assemble(objects: readonly Buffer[]): Uint8Array {
  const parts = [Buffer.from('%PDF-1.4\n')];
  let size = parts[0]?.length ?? 0;
  const offsets = objects.map((object, index) => {
    const offset = size;
    const whole = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), object, Buffer.from('\nendobj\n')]);
    parts.push(whole);
    size += whole.length;
    return `${String(offset).padStart(10, '0')} 00000 n \n`;
  });
  const count = objects.length + 1;
  const table = `xref\n0 ${count}\n0000000000 65535 f \n${offsets.join('')}`;
  parts.push(Buffer.from(`${table}trailer\n<< /Size ${count} /Root 1 0 R >>\nstartxref\n${size}\n%%EOF\n`));
  return new Uint8Array(Buffer.concat(parts));
}

/** A GIF of 100 x 100 with so many frames of one pixel. */
export function makeManyFrames(count: number): Uint8Array {
  const header = Buffer.from([100, 0, 100, 0, 0x80, 0, 0, 255, 0, 0, 0, 0, 255]);
  const frame = Buffer.from([
    0x21, 0xf9, 4, 0, 1, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 1, 0,
  ]);
  const frames = Array.from({ length: count }, () => frame);
  return Buffer.concat([Buffer.from('GIF89a'), header, ...frames, Buffer.from([0x3b])]);
}
