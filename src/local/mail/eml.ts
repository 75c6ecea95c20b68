import type { StoredMail } from './mail.ts';

/** A mail as any mail program opens it (RFC 5322, RFC 2045), in UTF-8 as it is, so that people can read the file. */
export function toEml(mail: StoredMail): string {
  const boundary = `=_${mail.id}`;
  const parts = [['plain', mail.text], ...(mail.html === undefined ? [] : [['html', mail.html]])].flatMap(
    ([type, content = '']) => [
      `--${boundary}`,
      `Content-Type: text/${type}; charset=utf-8`,
      'Content-Transfer-Encoding: 8bit',
      '',
      content,
    ],
  );
  return [
    `Date: ${new Date(mail.receivedAt).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${mail.id}@localhost>`,
    `From: ${header(mail.from)}`,
    `To: ${mail.to.map(header).join(', ')}`,
    `Subject: ${header(mail.subject)}`,
    'MIME-Version: 1.0',
    `Content-Type: multipart/alternative; boundary="${boundary}"`,
    '',
    ...parts,
    `--${boundary}--`,
    '',
  ]
    .join('\n')
    .replace(/\r?\n/g, '\r\n');
}

/** One line; what is not ASCII as encoded words (RFC 2047), a few characters each. */
function header(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  const line = value.replace(/[\u0000-\u001f\u007f]+/g, ' ');
  if (/^[\u0020-\u007e]*$/.test(line)) return line;
  const words = [...line].reduce<string[]>((chunks, character, index) => {
    if (index % 10 === 0) chunks.push('');
    return [...chunks.slice(0, -1), (chunks.at(-1) ?? '') + character];
  }, []);
  return words.map((word) => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`).join('\n ');
}
