import { aiError } from '../errors.ts';
import type { Field, FieldsQuery, PutField } from '../models/fields.ts';
import type { Asker } from '../ports/drives.ts';
import type { FieldRepository } from '../ports/fields.ts';
import { audited, type Page, pageOf, seen, unrefused } from './drive-access.ts';

export type FieldService = ReturnType<typeof createFieldService>;

/** What a drive wants to be found in its documents. */
export function createFieldService(fields: FieldRepository) {
  return {
    async list(userId: string, driveId: string, { cursor, limit }: FieldsQuery): Promise<Page<Field>> {
      return pageOf(
        seen(await fields.list(userId, driveId, cursor ?? null, limit + 1)),
        limit,
        ({ name }) => name,
      );
    },

    async field(userId: string, driveId: string, name: string): Promise<Field> {
      const [field] = seen(await fields.find(userId, driveId, name));
      if (field === undefined) throw aiError('field_not_found');
      return field;
    },

    async put(asker: Asker, driveId: string, name: string, input: PutField): Promise<Field> {
      const entry = audited(asker, driveId, 'field.set', { kind: 'field', id: name }, { type: input.type });
      return unrefused(await fields.put(asker.principal.userId, driveId, { ...input, name }, entry));
    },

    async delete(asker: Asker, driveId: string, name: string): Promise<void> {
      const entry = audited(asker, driveId, 'field.delete', { kind: 'field', id: name });
      unrefused(await fields.delete(asker.principal.userId, driveId, name, entry));
    },
  };
}
