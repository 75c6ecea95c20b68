import { expect, test } from 'vitest';
import { readUpload } from './upload-body.ts';

const MIB = 1024 * 1024;

function request(body: string | FormData | null, headers: Record<string, string> = {}): Request {
  return new Request('http://test/v1/files', { method: 'POST', body, headers });
}

function chunked(bytes: number): Request {
  let left = bytes;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const size = Math.min(left, MIB);
      left -= size;
      if (size === 0) controller.close();
      else controller.enqueue(new Uint8Array(size));
    },
  });
  const init: RequestInit = { method: 'POST', body, duplex: 'half' };
  return new Request('http://test/v1/files', init);
}

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );

test('a body of announced length is not read', async () => {
  const sent = request('hello', { 'content-length': '5', 'content-type': 'text/plain' });
  const { upload } = await readUpload(sent, 'a');
  expect(upload).toMatchObject({ size: 5, contentType: 'text/plain' });
  expect(upload.body).toBe(sent.body);
  expect(sent.bodyUsed).toBe(false);
});

test('a body without a length is held and counted', async () => {
  expect((await readUpload(chunked(3 * MIB + 1), 'a')).upload.size).toBe(3 * MIB + 1);
});

test('a body without a length that is too large to hold needs one', async () => {
  expect(await codeOf(readUpload(chunked(33 * MIB), 'a'))).toBe('length_required');
});

test('no body is an empty file', async () => {
  expect((await readUpload(request(null), 'a')).upload).toMatchObject({ size: 0 });
  expect((await readUpload(request(null, { 'content-length': '0' }), 'a')).upload).toMatchObject({ size: 0 });
});

test.each(['-1', '1e3', '0x10', '5, 5', '9'.repeat(16), 'five'])(
  'Content-Length: %s is refused',
  async (length) => {
    expect(await codeOf(readUpload(request('hello', { 'content-length': length }), 'a'))).toBe(
      'invalid_request',
    );
  },
);

test.each([
  ['text/plain; charset=utf-8', 'a', 'text/plain; charset=utf-8'],
  ['TEXT/HTML', 'a', 'text/html'],
  ['', 'notes.md', 'text/markdown'],
  ['application/octet-stream', 'report.pdf', 'application/pdf'],
  ['application/x-www-form-urlencoded', 'a.docx', expect.stringContaining('wordprocessingml')],
  ['not a type', 'a', 'application/octet-stream'],
  ['text/plain; x="<script>"', 'a.csv', 'text/csv'],
  ['', 'no-extension', 'application/octet-stream'],
])('the type %j of %s is kept as %s', async (announced, name, expected) => {
  const { upload } = await readUpload(
    request('x', { 'content-type': announced, 'content-length': '1' }),
    name,
  );
  expect(upload.contentType).toEqual(expected);
});

const DIGEST = 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=';
const HEX = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

test.each([
  ['repr-digest', `sha-256=:${DIGEST}:`, HEX],
  ['content-digest', `sha-256=:${DIGEST}:`, HEX],
  ['repr-digest', `md5=:x:, sha-256=:${DIGEST}:`, HEX],
  ['repr-digest', `sha-512=:${DIGEST}:`, undefined],
  ['repr-digest', 'sha-256=:short:', undefined],
  ['repr-digest', `xsha-256=:${DIGEST}:`, undefined],
])('%s: %s announces %s', async (header, value, expected) => {
  const { upload } = await readUpload(request('hello', { [header]: value, 'content-length': '5' }), 'a');
  expect(upload.sha256).toBe(expected);
});

test('a multipart body gives its file, under its own name or the one in the query', async () => {
  const form = new FormData();
  form.set('file', new File(['hello'], 'notes.md'));
  const { name, upload } = await readUpload(request(form), undefined);
  expect(name).toBe('notes.md');
  expect(upload).toMatchObject({ size: 5, contentType: 'text/markdown' });
  expect(upload.body).toEqual(new TextEncoder().encode('hello'));
  expect((await readUpload(request(form), 'other')).name).toBe('other');
});

test.each([
  ['without a boundary', 'multipart/form-data', 'x'],
  ['with another boundary', 'multipart/form-data; boundary=a', '--b\r\n\r\nx\r\n--b--'],
  [
    'that is cut off',
    'multipart/form-data; boundary=a',
    '--a\r\nContent-Disposition: form-data; name="file"',
  ],
  ['that is empty', 'multipart/form-data; boundary=a', ''],
  [
    'without a file',
    'multipart/form-data; boundary=a',
    '--a\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n--a--\r\n',
  ],
])('a multipart body %s is refused', async (_, type, body) => {
  expect(await codeOf(readUpload(request(body, { 'content-type': type }), undefined))).toBe(
    'invalid_multipart',
  );
});

test('a file name in a multipart body that is a path is refused', async () => {
  const form = new FormData();
  form.set('file', new File(['x'], '../../etc/passwd'));
  expect(await codeOf(readUpload(request(form), undefined))).toBe('invalid_request');
});
