import type { Defect } from '../defect.ts';

const STORAGE = 'src/modules/storage';
const RIGHTS = 'drizzle/0006_storage-rights.sql';
const EXAMINE = `${STORAGE}/service/integrity/examine.ts`;
const REPOSITORY = `${STORAGE}/repository/integrity.ts`;
const FSCK = [`${STORAGE}/service/integrity/fsck.test.ts`];
const REBUILD = [`${STORAGE}/service/rebuild.test.ts`];
const ROTATION = [`${STORAGE}/service/key-rotation.test.ts`];

/** That database and bucket agree, and that either explains itself. */
export const STORAGE_INTEGRITY_DEFECTS: readonly Defect[] = [
  {
    claim: 'F14',
    title: 'a flipped byte is not found by reading',
    file: EXAMINE,
    find: 'if (object.sha256 !== null && sha256 !== object.sha256)',
    replace: "if (object.sha256 === '')",
    tests: FSCK,
    by: 'finds a flipped byte on the disk by reading, and that it was put right',
  },
  {
    claim: 'F14',
    title: 'an encrypted object that does not open ends the check',
    file: EXAMINE,
    find: "if (error instanceof EnvelopeError) return finding(object, 'corrupt', error.message);",
    replace: '',
    tests: FSCK,
    by: 'finds a flipped byte of an encrypted object',
  },
  {
    claim: 'F14',
    title: 'bytes that are gone are not missed',
    file: EXAMINE,
    find: "if (head === undefined) return finding(object, 'missing', 'there is nothing under its key');",
    replace: 'if (head === undefined) return undefined;',
    tests: FSCK,
    by: 'refuses bytes that are gone, tells of it, and serves them again when they are back',
  },
  {
    claim: 'F14',
    title: 'an object in the place of another one is taken for it',
    file: EXAMINE,
    find: 'if (said !== undefined && said !== object.id)',
    replace: "if (said === '')",
    tests: FSCK,
    by: 'finds an object that says it is another one',
  },
  {
    claim: 'F16',
    title: 'an orphan goes at once',
    file: REPOSITORY,
    find: "where o.first_seen_at <= now() - ${graceSeconds} * interval '1 second' and not",
    replace: 'where ${graceSeconds} is not null and not',
    tests: FSCK,
    by: 'goes in a later run than the one that finds it, and not before its time',
  },
  {
    claim: 'F16',
    title: 'an orphan goes though a row has come to name it',
    file: REPOSITORY,
    find: 'select due.object_key from due where due.is_orphan\n',
    replace: 'select due.object_key from due\n',
    tests: FSCK,
    by: 'stays when a row has come to name it',
  },
  {
    claim: 'F16',
    title: 'orphans stay for ever',
    file: `${STORAGE}/service/integrity/sweep.ts`,
    find: 'await repository.release(graceSeconds, KEYS);',
    replace: '',
    tests: FSCK,
    by: 'is swept by cron, after quarantine',
  },
  {
    claim: 'F24',
    title: 'the bytes of an upload that goes on are an orphan',
    file: RIGHTS,
    find: "OR EXISTS (SELECT FROM storage.uploads u WHERE u.object_key = is_kept.object_key AND u.state = 'active')",
    replace: '',
    tests: FSCK,
    by: 'is not what belongs to an upload that goes on, or has just come',
  },
  {
    claim: 'F24',
    title: 'what is left of a part is an orphan',
    file: RIGHTS,
    find: "OR EXISTS (SELECT FROM storage.uploads u WHERE u.tail_key = is_kept.object_key AND u.state = 'active')",
    replace: '',
    tests: FSCK,
    by: 'is not what belongs to an upload that goes on, or has just come',
  },
  {
    claim: 'F16',
    title: 'the bucket of another database is swept',
    file: REPOSITORY,
    find: "select exists (select from storage.upkeep u where u.name = 'journal') and not ${IS_REBUILDING} as ours",
    replace: 'select true as ours',
    tests: [...FSCK, ...REBUILD],
    by: 'another database',
  },
  {
    claim: 'F7',
    title: 'the journal says that it has written what it has not',
    file: `${STORAGE}/service/journal.ts`,
    find: "await files.write(segmentKey(state.epoch, last), lines.join('\\n'));\n",
    replace:
      "if (!(await repository.save(token, state, last))) return;\n    await files.write(segmentKey(state.epoch, last), lines.join('\\n'));\n",
    tests: REBUILD,
    by: 'what the store did not take of the journal is written the next time',
  },
  {
    claim: 'S39',
    title: 'the journal tells names in clear beside encrypted objects',
    file: `${STORAGE}/service/journal-files.ts`,
    find: "const isSealed = vault.encryption !== 'none';",
    replace: "const isSealed = vault.encryption === 'sse-kms';",
    tests: REBUILD,
    by: 'the journal tells nothing in clear where objects are encrypted',
  },
  {
    claim: 'F7',
    title: 'a tree is rebuilt over the files of a database',
    file: `${STORAGE}/service/rebuild.ts`,
    find: "if (state === 'filled' && !force)",
    replace: "if (state === 'filled' && force)",
    tests: REBUILD,
    by: 'a database with files in it is not written over',
  },
  {
    claim: 'S32',
    title: 'a purge leaves the key of the bytes in the bucket',
    file: `${STORAGE}/service/deletions.ts`,
    find: 'await store.deleteMany(keyIds.flatMap((id) => objectKeys.map((key) => copyKeyOf(id, key))));\n',
    replace: '',
    tests: ROTATION,
    by: 'a purge takes the data key out of the bucket along with the bytes',
  },
  {
    claim: 'S32',
    title: 'a key-encryption key that was changed is needed still',
    file: 'src/core/objects/create-vault.ts',
    find: 'if (wrappedKey === null || wrappedKey.startsWith(keyring.currentPrefix)) return undefined;',
    replace: 'if (wrappedKey !== object.id) return undefined;',
    tests: ROTATION,
    by: 'the key-encryption key is changed under load, without a refused request, and the old one is needed no more',
  },
];
