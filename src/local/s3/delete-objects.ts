import type { Blobs } from './blobs.ts';
import { S3Error } from './errors.ts';
import { type Reply, type S3Call, xmlReply } from './reply.ts';
import type { Store, StoredObject } from './store.ts';
import { assertKey } from './target.ts';
import { childText, element, parseXml, text, xmlDocument } from './xml.ts';

/** Room for S3's 1000 keys of 1024 bytes with their tags and some escapes. */
const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
const MAX_KEYS = 1000;

/** The batch delete: each key is its own outcome, a missing one is a success. */
export async function deleteObjects(store: Store, blobs: Blobs, call: S3Call): Promise<Reply> {
  store.assertBucket(call.bucket);
  const document = parseXml(await call.body.text(MAX_DOCUMENT_BYTES));
  const keys = document.children
    .filter(({ name }) => name === 'Object')
    .map((object) => childText(object, 'Key') ?? '');
  if (document.name !== 'Delete' || keys.length === 0 || keys.length > MAX_KEYS)
    throw new S3Error('MalformedXML');
  const quiet = childText(document, 'Quiet') === 'true';
  const outcomes = store.transaction(() =>
    keys.map((key) => ({ key, ...deleteOne(store, call.bucket, key) })),
  );
  // Files go only after the commit: a rolled-back row must still find its bytes.
  for (const { removed } of outcomes) if (removed) blobs.remove(removed.details.segments);
  const lines = outcomes.map(({ key, error }) => {
    if (!error) return quiet ? '' : element('Deleted', text('Key', key));
    return element('Error', text('Key', key), text('Code', error.code), text('Message', error.message));
  });
  return xmlReply(xmlDocument('DeleteResult', ...lines));
}

interface Outcome {
  removed?: StoredObject | undefined;
  error?: S3Error;
}

function deleteOne(store: Store, bucket: string, key: string): Outcome {
  try {
    assertKey(key);
    return { removed: store.remove(bucket, key, () => undefined) };
  } catch (error) {
    if (error instanceof S3Error) return { error };
    throw error;
  }
}
