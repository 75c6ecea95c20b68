import { describe, expect, test } from 'vitest';
import { S3Error } from './errors.ts';
import { childText, parseXml, text } from './xml.ts';

describe('the XML reader', () => {
  test('reads what S3 clients send', () => {
    const document = parseXml(
      '<?xml version="1.0"?>\n<Delete xmlns="http://s3"><!-- c --><Object><Key>a &amp; &#x1F600;&#10;<![CDATA[<b>]]></Key></Object><Quiet/></Delete>',
    );
    const [object = document] = document.children;
    expect(childText(object, 'Key')).toBe('a & 😀\n<b>');
    expect(childText(document, 'Quiet')).toBe('');
  });

  test.each([
    '',
    'plain',
    '<a>',
    '<a></b>',
    '<a/><b/>',
    '</a>',
    '<a>&unknown;</a>',
    '<a>& b</a>',
    '<a>&#x110000;</a>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    `${'<a>'.repeat(50)}${'</a>'.repeat(50)}`,
  ])('refuses %j', (source) => {
    expect(() => parseXml(source)).toThrow(S3Error);
  });

  test('writes what a reader gives back', () => {
    const value = '<&>"\'\u0001\r\n 😀';
    expect(parseXml(text('Key', value)).text).toBe(value);
  });
});
