/** E-mails made by hand. */

export interface TestMail {
  headers?: readonly string[];
  text?: string;
  html?: string;
  attachments?: readonly string[];
}

/** A multipart e-mail with CRLF, as it is saved from a mail program. */
export function makeEmail({ headers = [], text, html, attachments = [] }: TestMail): string {
  const bodies = [
    ...(text === undefined ? [] : [part('text/plain', text)]),
    ...(html === undefined ? [] : [part('text/html', html)]),
  ];
  const parts = [
    `Content-Type: multipart/alternative; boundary="a"\r\n\r\n${bodies.map((body) => `--a\r\n${body}\r\n`).join('')}--a--`,
    ...attachments.map(
      (name) =>
        `Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\nc2VjcmV0IGNvbnRlbnQ=`,
    ),
  ];
  return [
    'From: =?utf-8?Q?Ren=C3=A9?= Descartes <rene@example.org>',
    'To: Ada <ada@example.org>, team: bob@example.org, eve@example.org;',
    'Cc: carl@example.org',
    'Subject: =?utf-8?B?UHLDvGZiZXJpY2h0?= 7',
    'Date: Tue, 04 Feb 2031 10:00:00 +0200',
    'Message-ID: <1@example.org>',
    'MIME-Version: 1.0',
    ...headers,
    'Content-Type: multipart/mixed; boundary="b"',
    '',
    ...parts.flatMap((content) => ['--b', content]),
    '--b--',
    '',
  ].join('\r\n');
}

function part(type: string, content: string): string {
  return `Content-Type: ${type}; charset=utf-8\r\n\r\n${content}`;
}

/** Multipart in multipart in multipart. */
export function nestMail(depth: number): string {
  const open = Array.from(
    { length: depth },
    (_, i) => `Content-Type: multipart/mixed; boundary="b${i}"\r\n\r\n--b${i}\r\n`,
  );
  return `From: a@example.org\r\nTo: b@example.org\r\nSubject: deep\r\nMIME-Version: 1.0\r\n${open.join('')}Content-Type: text/plain\r\n\r\nthe innermost text\r\n`;
}
