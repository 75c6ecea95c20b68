import { digestOf } from '../../../../core/objects/digest.ts';
import { EnvelopeError } from '../../../../core/objects/envelope.ts';
import type { ObjectStore } from '../../../../core/objects/object-store.ts';
import type { Vault } from '../../../../core/objects/vault.ts';
import type { CheckedObject, Finding } from '../../ports/integrity.ts';

export interface Examination {
  readonly vault: Vault;
  readonly store: Pick<ObjectStore, 'head'>;
}

const finding = ({ id, key }: CheckedObject, kind: Finding['kind'], detail: string): Finding => ({
  kind,
  key,
  objectId: id,
  detail,
});

/** By its head alone: is it there, of the right size, and does it say that it is this object? */
export async function examineHead(
  { vault, store }: Examination,
  object: CheckedObject,
): Promise<Finding | undefined> {
  const head = await store.head(object.key);
  if (head === undefined) return finding(object, 'missing', 'there is nothing under its key');
  const expected = vault.storedSize(object, object.size);
  if (head.size !== expected)
    return finding(object, 'corrupt', `${head.size} bytes are stored, and there should be ${expected}`);
  const said = head.metadata['object-id'];
  if (said !== undefined && said !== object.id)
    return finding(object, 'mislinked', `it says that it is ${said}`);
  return undefined;
}

/**
 * By all its bytes.
 * @returns what is wrong, or the digest
 * @throws DependencyError when the store does not answer: then nothing is known
 */
export async function examineBytes({ vault }: Examination, object: CheckedObject): Promise<Finding | string> {
  try {
    const answer = await vault.get(object);
    if (answer === undefined) return finding(object, 'missing', 'there is nothing under its key');
    if (answer.status !== 200 || answer.body === null)
      return finding(object, 'corrupt', `the store answered ${answer.status}`);
    const sha256 = await digestOf(answer.body);
    if (object.sha256 !== null && sha256 !== object.sha256)
      return finding(object, 'corrupt', `its SHA-256 is ${sha256}, and should be ${object.sha256}`);
    return sha256;
  } catch (error) {
    if (error instanceof EnvelopeError) return finding(object, 'corrupt', error.message);
    throw error;
  }
}
