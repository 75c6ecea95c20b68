import type { Segment } from './blobs.ts';
import type { RequestBody } from './body.ts';

/** One authenticated request, as the operations see it. */
export interface S3Call {
  method: string;
  bucket: string;
  key: string;
  query: ReadonlyMap<string, string>;
  /** Lower-case names, latin1 values; a presigned URL's x-amz- parameters count as headers. */
  headers: ReadonlyMap<string, string>;
  body: RequestBody;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  /** An XML document. */
  xml?: string;
  /** Stored bytes; `release` is called once they are sent or the client is gone. */
  content?: Content;
}

export interface Content {
  segments: readonly Segment[];
  offset: number;
  length: number;
  release(): void;
}

export function xmlReply(xml: string, headers: Record<string, string> = {}): Reply {
  return { status: 200, xml, headers };
}
