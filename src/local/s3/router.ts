import { assertEncryption } from './attributes.ts';
import {
  assertBucketName,
  bucketLocation,
  bucketVersioning,
  createBucket,
  deleteBucket,
  headBucket,
  listBuckets,
} from './buckets.ts';
import { completeUpload } from './complete.ts';
import { copyObject } from './copy.ts';
import { deleteObjects } from './delete-objects.ts';
import { S3Error } from './errors.ts';
import { listObjectsV1, listObjectsV2 } from './list.ts';
import { listParts, listUploads } from './list-uploads.ts';
import {
  abortUpload,
  createUpload,
  type MultipartDependencies,
  uploadPart,
  uploadPartCopy,
} from './multipart.ts';
import { createObjectOperations } from './objects.ts';
import type { Reply, S3Call } from './reply.ts';

export interface RouterDependencies extends MultipartDependencies {
  region: string;
  owner: string;
  /** Says that it encrypts when asked to; otherwise such a request is refused. */
  encryption: boolean;
}

type Operation = (call: S3Call) => Reply | Promise<Reply>;

/** Parts of S3 this server does not have; without this list they would be taken for plain reads and writes. */
const UNSUPPORTED = [
  'accelerate',
  'acl',
  'analytics',
  'append',
  'attributes',
  'cors',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'logging',
  'metadataTable',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'renameObject',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'session',
  'tagging',
  'torrent',
  'versions',
  'website',
] as const;

/** Chooses the operation from method, path and subresource. */
export function createRouter(dependencies: RouterDependencies): Operation {
  const bucketOperation = createBucketRouter(dependencies);
  const objectOperation = createObjectRouter(dependencies);
  return (call) => {
    const unsupported = UNSUPPORTED.find((name) => call.query.has(name));
    if (unsupported) throw new S3Error('NotImplemented', { details: { Resource: unsupported } });
    assertEncryption(call.headers, dependencies.encryption);
    const versionId = call.query.get('versionId');
    if (versionId !== undefined && versionId !== 'null') throw new S3Error('NotImplemented');
    if (call.bucket === '') {
      if (call.method !== 'GET') throw new S3Error('MethodNotAllowed');
      return listBuckets(dependencies.store, dependencies.owner);
    }
    assertBucketName(call.bucket);
    return call.key === '' ? bucketOperation(call) : objectOperation(call);
  };
}

function createBucketRouter({ store, blobs, uploads, region, now }: RouterDependencies): Operation {
  const list: Operation = (call) => {
    if (call.query.has('location')) return bucketLocation(store, call, region);
    if (call.query.has('versioning')) return bucketVersioning(store, call);
    if (call.query.has('uploads')) return listUploads(store, uploads, call);
    return call.query.get('list-type') === '2' ? listObjectsV2(store, call) : listObjectsV1(store, call);
  };
  return (call) => {
    if (call.method === 'GET') return list(call);
    if (call.method === 'HEAD') return headBucket(store, call, region);
    if (call.method === 'PUT' && !call.query.has('versioning')) return createBucket(store, call, now());
    if (call.method === 'DELETE') return deleteBucket(store, call);
    if (call.method === 'POST' && call.query.has('delete')) return deleteObjects(store, blobs, call);
    throw new S3Error(
      call.method === 'POST' || call.method === 'PUT' ? 'NotImplemented' : 'MethodNotAllowed',
    );
  };
}

function createObjectRouter(dependencies: RouterDependencies): Operation {
  const objects = createObjectOperations(dependencies);
  return (call) => {
    const copies = call.headers.has('x-amz-copy-source');
    if (call.query.has('uploadId')) return partOperation(dependencies, call, copies);
    if (call.method === 'GET' || call.method === 'HEAD') return objects.get(call);
    if (call.method === 'PUT') return copies ? copyObject(dependencies, call) : objects.put(call);
    if (call.method === 'DELETE') return objects.remove(call);
    if (call.method === 'POST' && call.query.has('uploads')) return createUpload(dependencies, call);
    throw new S3Error(call.method === 'POST' ? 'NotImplemented' : 'MethodNotAllowed');
  };
}

function partOperation(
  dependencies: RouterDependencies,
  call: S3Call,
  copies: boolean,
): Reply | Promise<Reply> {
  if (call.method === 'PUT')
    return copies ? uploadPartCopy(dependencies, call) : uploadPart(dependencies, call);
  if (call.method === 'POST') return completeUpload(dependencies, call);
  if (call.method === 'DELETE') return abortUpload(dependencies, call);
  if (call.method === 'GET') return listParts(dependencies.uploads, call);
  throw new S3Error('MethodNotAllowed');
}
