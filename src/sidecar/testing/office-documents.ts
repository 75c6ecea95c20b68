import { strToU8, type Zippable, zipSync } from 'fflate';

/** Office files and e-books made by hand: small, valid, and open to any part being replaced. */

const RELATIONSHIPS = 'http://schemas.openxmlformats.org/package/2006/relationships';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const TYPES = 'application/vnd.openxmlformats-officedocument';
const DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';

export const OFFICE_PROPERTIES: Zippable = {
  'docProps/core.xml': part(
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>Plan &amp; budget</dc:title><dc:subject>Planning</dc:subject><dc:creator>Ada Byron</dc:creator><cp:keywords>plan, budget; 2031</cp:keywords><dcterms:created xsi:type="dcterms:W3CDTF">2031-02-03T04:05:06Z</dcterms:created><dcterms:modified xsi:type="dcterms:W3CDTF">2031-03-04T05:06:07Z</dcterms:modified></cp:coreProperties>',
  ),
  'docProps/app.xml': part(
    '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"><Application>Microsoft Office</Application></Properties>',
  ),
};

export interface TestSheet {
  name: string;
  rows: readonly (readonly (string | number)[])[];
}

/** A workbook; strings are shared strings, as Excel writes them. */
export function makeXlsx(sheets: readonly TestSheet[], extra: Zippable = {}): Uint8Array {
  const strings: string[] = [];
  const cell = (value: string | number, at: string) =>
    typeof value === 'number'
      ? `<c r="${at}"><v>${value}</v></c>`
      : `<c r="${at}" t="s"><v>${strings.push(value) - 1}</v></c>`;
  const bodies = sheets.map(({ rows }) =>
    rows
      .map((row, index) => {
        const cells = row.map((value, column) =>
          cell(value, `${String.fromCharCode(65 + column)}${index + 1}`),
        );
        return `<row r="${index + 1}">${cells.join('')}</row>`;
      })
      .join(''),
  );
  const main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
  const listed = sheets.map(({ name }, i) => `<sheet name="${name}" sheetId="${i + 1}" r:id="rId${i + 1}"/>`);
  const items = strings.map((value) => `<si><t xml:space="preserve">${value}</t></si>`);
  return zipSync({
    ...packageParts('xl/workbook.xml', [
      ['/xl/workbook.xml', `${TYPES}.spreadsheetml.sheet.main+xml`],
      ...sheets.map((_, i): [string, string] => [
        `/xl/worksheets/sheet${i + 1}.xml`,
        `${TYPES}.spreadsheetml.worksheet+xml`,
      ]),
      ['/xl/sharedStrings.xml', `${TYPES}.spreadsheetml.sharedStrings+xml`],
    ]),
    'xl/workbook.xml': part(
      `<workbook ${main} xmlns:r="${OFFICE}"><sheets>${listed.join('')}</sheets></workbook>`,
    ),
    'xl/_rels/workbook.xml.rels': relationships([
      ...sheets.map((_, i): [string, string] => ['worksheet', `worksheets/sheet${i + 1}.xml`]),
      ['sharedStrings', 'sharedStrings.xml'],
    ]),
    'xl/sharedStrings.xml': part(`<sst ${main}>${items.join('')}</sst>`),
    ...Object.fromEntries(
      bodies.map((body, i) => [
        `xl/worksheets/sheet${i + 1}.xml`,
        part(`<worksheet ${main}><sheetData>${body}</sheetData></worksheet>`),
      ]),
    ),
    ...OFFICE_PROPERTIES,
    ...extra,
  });
}

export interface TestSlide {
  lines: readonly string[];
  notes?: string;
}

/** A presentation with one text box a slide, one paragraph a line. */
export function makePptx(slides: readonly TestSlide[], extra: Zippable = {}): Uint8Array {
  const spaces = `xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="${OFFICE}"`;
  const shape = (lines: readonly string[], placeholder = '') =>
    `<p:cSld><p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/><p:sp><p:nvSpPr><p:cNvPr id="2" name="Text"/><p:cNvSpPr/><p:nvPr>${placeholder}</p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>${lines.map((line) => `<a:p><a:r><a:t>${line}</a:t></a:r></a:p>`).join('')}</p:txBody></p:sp></p:spTree></p:cSld>`;
  const parts: Zippable = {};
  for (const [i, { lines, notes }] of slides.entries()) {
    parts[`ppt/slides/slide${i + 1}.xml`] = part(`<p:sld ${spaces}>${shape(lines)}</p:sld>`);
    if (notes === undefined) continue;
    parts[`ppt/slides/_rels/slide${i + 1}.xml.rels`] = relationships([
      ['notesSlide', `../notesSlides/notesSlide${i + 1}.xml`],
    ]);
    parts[`ppt/notesSlides/notesSlide${i + 1}.xml`] = part(
      `<p:notes ${spaces}>${shape([notes], '<p:ph type="body" idx="1"/>')}</p:notes>`,
    );
  }
  const ids = slides.map((_, i) => `<p:sldId id="${256 + i}" r:id="rId${i + 1}"/>`);
  return zipSync({
    ...packageParts('ppt/presentation.xml', [
      ['/ppt/presentation.xml', `${TYPES}.presentationml.presentation.main+xml`],
      ...slides.map((_, i): [string, string] => [
        `/ppt/slides/slide${i + 1}.xml`,
        `${TYPES}.presentationml.slide+xml`,
      ]),
    ]),
    'ppt/presentation.xml': part(
      `<p:presentation ${spaces}><p:sldIdLst>${ids.join('')}</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/></p:presentation>`,
    ),
    'ppt/_rels/presentation.xml.rels': relationships(
      slides.map((_, i): [string, string] => ['slide', `slides/slide${i + 1}.xml`]),
    ),
    ...parts,
    ...OFFICE_PROPERTIES,
    ...extra,
  });
}

const ODF = 'urn:oasis:names:tc:opendocument:xmlns';
const ODF_SPACES = `xmlns:office="${ODF}:office:1.0" xmlns:text="${ODF}:text:1.0" xmlns:table="${ODF}:table:1.0" xmlns:draw="${ODF}:drawing:1.0" xmlns:presentation="${ODF}:presentation:1.0" xmlns:meta="${ODF}:meta:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"`;

/** An OpenDocument file; `body` is the content of office:text, office:spreadsheet or office:presentation. */
export function makeOpenDocument(
  kind: 'text' | 'spreadsheet' | 'presentation',
  body: string,
  extra: Zippable = {},
): Uint8Array {
  const mediaType = `application/vnd.oasis.opendocument.${kind}`;
  return zipSync({
    mimetype: [strToU8(mediaType), { level: 0 }],
    'META-INF/manifest.xml': part(
      `<manifest:manifest xmlns:manifest="${ODF}:manifest:1.0" manifest:version="1.2"><manifest:file-entry manifest:full-path="/" manifest:media-type="${mediaType}"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/><manifest:file-entry manifest:full-path="meta.xml" manifest:media-type="text/xml"/></manifest:manifest>`,
    ),
    'content.xml': part(
      `<office:document-content ${ODF_SPACES} office:version="1.2"><office:body><office:${kind}>${body}</office:${kind}></office:body></office:document-content>`,
    ),
    'meta.xml': part(
      `<office:document-meta ${ODF_SPACES} office:version="1.2"><office:meta><meta:generator>LibreOffice/7.4</meta:generator><dc:title>Plan &amp; budget</dc:title><dc:subject>Planning</dc:subject><meta:keyword>plan</meta:keyword><meta:keyword>budget</meta:keyword><meta:initial-creator>Ada Byron</meta:initial-creator><meta:creation-date>2031-02-03T04:05:06</meta:creation-date><dc:date>2031-03-04T05:06:07</dc:date><meta:document-statistic meta:page-count="3"/></office:meta></office:document-meta>`,
    ),
    ...extra,
  });
}

/** Paragraphs of an OpenDocument text. */
export const makeOdt = (paragraphs: readonly string[], extra: Zippable = {}): Uint8Array =>
  makeOpenDocument('text', paragraphs.map((text) => `<text:p>${text}</text:p>`).join(''), extra);

/** An EPUB 3 with one file a chapter, whose content is XHTML. */
export function makeEpub(chapters: readonly string[], extra: Zippable = {}): Uint8Array {
  const items = chapters.map(
    (_, i) => `<item id="c${i}" href="c${i}.xhtml" media-type="application/xhtml+xml"/>`,
  );
  return zipSync({
    mimetype: [strToU8('application/epub+zip'), { level: 0 }],
    'META-INF/container.xml': part(
      '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
    ),
    'OEBPS/book.opf': part(
      `<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">urn:x:1</dc:identifier><dc:title>The Lighthouse</dc:title><dc:creator>Ada Byron</dc:creator><dc:subject>sea</dc:subject><dc:language>en</dc:language><dc:date>2031-02-03</dc:date></metadata><manifest>${items.join('')}</manifest><spine>${chapters.map((_, i) => `<itemref idref="c${i}"/>`).join('')}</spine></package>`,
    ),
    ...Object.fromEntries(
      chapters.map((body, i) => [
        `OEBPS/c${i}.xhtml`,
        part(
          `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title><style>p{color:red}</style><script>steal()</script></head><body>${body}</body></html>`,
        ),
      ]),
    ),
    ...extra,
  });
}

function packageParts(main: string, overrides: readonly (readonly [string, string])[]): Zippable {
  const listed = overrides.map(([name, type]) => `<Override PartName="${name}" ContentType="${type}"/>`);
  return {
    '[Content_Types].xml': part(
      `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>${listed.join('')}</Types>`,
    ),
    '_rels/.rels': relationships([['officeDocument', main]]),
  };
}

function relationships(targets: readonly (readonly [string, string])[]): Uint8Array {
  const listed = targets.map(
    ([type, target], i) => `<Relationship Id="rId${i + 1}" Type="${OFFICE}/${type}" Target="${target}"/>`,
  );
  return part(`<Relationships xmlns="${RELATIONSHIPS}">${listed.join('')}</Relationships>`);
}

function part(xml: string): Uint8Array {
  return strToU8(`${DECLARATION}${xml}`);
}
