import type { ServerResponse } from 'node:http';
import type { Blobs } from './blobs.ts';
import { S3Error } from './errors.ts';
import type { Content, Reply } from './reply.ts';
import { xmlErrorDocument } from './xml.ts';

/** Sends the reply; resolves when it is out or the client is gone, with every file closed. */
export async function sendReply(response: ServerResponse, reply: Reply, blobs: Blobs): Promise<void> {
  const bodiless = response.req.method === 'HEAD' || reply.status === 204 || reply.status === 304;
  const xml = reply.xml === undefined ? undefined : Buffer.from(reply.xml, 'utf8');
  const headers: Record<string, string> = { ...reply.headers };
  if (xml) headers['content-type'] = 'application/xml';
  if (!bodiless && !reply.content) headers['content-length'] = `${xml?.length ?? 0}`;
  try {
    response.writeHead(reply.status, headers);
    if (bodiless) response.end();
    else if (reply.content) await sendContent(response, reply.content, blobs);
    else response.end(xml);
  } finally {
    reply.content?.release();
  }
}

/** An S3 error as its XML document; anything else is our fault and says no more than that. */
export function errorReply(error: unknown, resource: string, requestId: string): Reply {
  const refusal = error instanceof S3Error ? error : new S3Error('InternalError');
  const xml = xmlErrorDocument({
    Code: refusal.code,
    Message: refusal.message,
    Resource: resource,
    RequestId: requestId,
    ...refusal.details,
  });
  return { status: refusal.status, xml, headers: refusal.headers };
}

async function sendContent(response: ServerResponse, content: Content, blobs: Blobs): Promise<void> {
  const gone = new Promise<'gone'>((resolve) => response.once('close', () => resolve('gone')));
  for await (const chunk of blobs.read(content.segments, content.offset, content.length)) {
    const sent = new Promise<'sent' | 'gone'>((resolve) => {
      response.write(chunk, (error) => resolve(error ? 'gone' : 'sent'));
    });
    // The callback of a write on a torn connection is not always called, so the close event has a say as well.
    if ((await Promise.race([sent, gone])) === 'gone') return;
  }
  response.end();
}
