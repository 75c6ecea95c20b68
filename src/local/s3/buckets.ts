import { S3Error } from './errors.ts';
import { type Reply, type S3Call, xmlReply } from './reply.ts';
import type { Store } from './store.ts';
import { element, text, xmlDocument } from './xml.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const BUCKET_NAME = /^[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]$/;

export function assertBucketName(name: string): void {
  if (!BUCKET_NAME.test(name)) throw new S3Error('InvalidBucketName', { details: { BucketName: name } });
}

export function createBucket(store: Store, call: S3Call, now: number): Reply {
  assertBucketName(call.bucket);
  if (!store.createBucket(call.bucket, now)) throw new S3Error('BucketAlreadyOwnedByYou');
  return { status: 200, headers: { location: `/${call.bucket}` } };
}

export function headBucket(store: Store, call: S3Call, region: string): Reply {
  store.assertBucket(call.bucket);
  return { status: 200, headers: { 'x-amz-bucket-region': region } };
}

export function deleteBucket(store: Store, call: S3Call): Reply {
  store.deleteBucket(call.bucket);
  return { status: 204 };
}

export function listBuckets(store: Store, owner: string): Reply {
  const buckets = store
    .buckets()
    .map(({ name, createdAt }) =>
      element('Bucket', text('Name', name), text('CreationDate', new Date(createdAt).toISOString())),
    );
  const document = xmlDocument(
    'ListAllMyBucketsResult',
    element('Owner', text('ID', owner), text('DisplayName', owner)),
    element('Buckets', ...buckets),
  );
  return xmlReply(document);
}

export function bucketLocation(store: Store, call: S3Call, region: string): Reply {
  store.assertBucket(call.bucket);
  // The oldest region goes by the empty name here.
  return xmlReply(xmlDocument('LocationConstraint', region === 'us-east-1' ? '' : region));
}

export function bucketVersioning(store: Store, call: S3Call): Reply {
  store.assertBucket(call.bucket);
  return xmlReply(xmlDocument('VersioningConfiguration'));
}
