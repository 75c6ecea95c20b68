import { TAXONOMY } from '../../../contracts/taxonomy.ts';
import { aiError } from '../errors.ts';
import { labelIdSchema } from '../models/drives.ts';
import type { Category, CreateLabel, Label, LabelsQuery, UpdateLabel } from '../models/labels.ts';
import type { Asker } from '../ports/drives.ts';
import type { CorrectionRepository, LabelRepository } from '../ports/labels.ts';
import { audited, type Page, pageOf, seen, unrefused } from './drive-access.ts';

export interface LabelServiceDependencies {
  readonly labels: LabelRepository;
  readonly newId: (prefix: 'lbl') => string;
}

export type LabelService = ReturnType<typeof createLabelService>;

/** What a drive sorts its files into, if it does not content itself with the default taxonomy. */
export function createLabelService({ labels, newId }: LabelServiceDependencies) {
  const object = (id: string) => ({ kind: 'label', id });
  return {
    async list(userId: string, driveId: string, { cursor, limit }: LabelsQuery): Promise<Page<Label>> {
      const rows = seen(await labels.list(userId, driveId, cursor ?? null, limit + 1));
      return pageOf(rows, limit, ({ id }) => id);
    },

    async create(asker: Asker, driveId: string, input: CreateLabel): Promise<Label> {
      const id = newId('lbl');
      const entry = audited(asker, driveId, 'label.create', object(id), { name: input.name });
      return unrefused(await labels.create(asker.principal.userId, driveId, { ...input, id }, entry));
    },

    async update(asker: Asker, driveId: string, id: string, change: UpdateLabel): Promise<Label> {
      const changed = Object.keys(change).join(' ');
      const entry = audited(asker, driveId, 'label.update', object(id), { changed });
      return unrefused(await labels.update(asker.principal.userId, driveId, id, change, entry));
    },

    async delete(asker: Asker, driveId: string, id: string): Promise<void> {
      const entry = audited(asker, driveId, 'label.delete', object(id));
      unrefused(await labels.delete(asker.principal.userId, driveId, id, entry));
    },
  };
}

export interface CorrectionDependencies {
  readonly corrections: CorrectionRepository;
  /** Rules may have something to do now. */
  readonly wakeUp: () => Promise<void>;
}

export type CorrectionService = ReturnType<typeof createCorrectionService>;

/** What people say of the categories of files: it stands above what was found, and is learned from. */
export function createCorrectionService({ corrections, wakeUp }: CorrectionDependencies) {
  return {
    async categories(userId: string, fileId: string): Promise<{ categories: Category[] }> {
      const categories = await corrections.categories(userId, fileId);
      if (categories === undefined) throw aiError('file_not_found');
      if (categories === 'not_a_file') throw aiError('not_a_file');
      return { categories };
    },

    /** @param correct null forgets what was said */
    async correct(userId: string, fileId: string, label: string, correct: boolean | null) {
      if (!isLabel(label)) {
        // Whoever does not see the file learns nothing else.
        await this.categories(userId, fileId);
        throw aiError('label_not_found');
      }
      const said = unrefused(await corrections.correct(userId, fileId, label, correct), 'editor');
      if (correct === true) await wakeUp();
      return said;
    },
  };
}

/** A label's id, or a category of the default taxonomy. */
export const isLabel = (label: string): boolean =>
  labelIdSchema.safeParse(label).success || TAXONOMY.includes(label);
