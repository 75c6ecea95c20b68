import type { z } from 'zod';
import type { classificationOutputSchema, LabelPrompt } from '../../../contracts/sidecar.ts';
import { type Calibration, calibrationOf, type Likeness, scoreOf } from '../classification/calibration.ts';
import { taxonomy } from '../classification/taxonomy.ts';
import { isFor } from '../media-types.ts';
import { definePlugin, type EmbedTexts, type PluginInput } from '../plugin.ts';
import { sentencesOf } from '../text/sentences.ts';
import { cosine, meanOf, rounded } from '../text/vectors.ts';

type Output = z.infer<typeof classificationOutputSchema>;
type Vector = ArrayLike<number>;

/** More likely right than wrong; what is below is not a category of the document. */
const LOWEST_SCORE = 0.5;
const MOST_CATEGORIES = 5;
/** Of a content type that settles the matter. */
const CERTAIN = 0.97;
/** Without a vector of the document, that of its first passages stands for it. */
const LEADING = { passages: 8, characters: 800 };

/** The request's labels, or the default taxonomy, that are right for the document. Text never adds a label. */
export default definePlugin<Output>({
  manifest: {
    name: 'classification',
    version: '1.0.0',
    description:
      'What the document is: labels of the workspace, or a category of the default taxonomy, or none.',
    inputs: ['text', 'embedding'],
    outputs: ['categories'],
    mediaTypes: ['*'],
    limits: { milliseconds: 30_000, characters: 100_000, outputBytes: 50_000 },
  },
  async run(input, { embed }) {
    const asked = input.labels ?? [];
    const labels = asked.filter(({ id }) => !isOfTaxonomy(id));
    // With what was learned of categories of the taxonomy.
    const learned = asked.filter(({ id }) => isOfTaxonomy(id));
    const certain = labels.length > 0 ? undefined : certainCategory(input.contentType);
    const settled = certain === undefined ? [] : [{ label: certain, score: CERTAIN }];
    // The text that was read in a picture says what it is a picture of.
    if (certain !== undefined && !(isFor(['image/*'], input.contentType) && input.text.trim() !== ''))
      return { output: { categories: settled } };
    if (input.text.trim() === '' && input.vector === undefined) return { skipped: 'There is no text.' };
    const background = await embed?.(taxonomy.map(({ description }) => description));
    const document =
      background === undefined || embed === undefined
        ? undefined
        : await documentVector(input, embed, background.model);
    if (background === undefined || embed === undefined || document === undefined)
      return settled.length > 0
        ? { output: { categories: settled } }
        : { skipped: 'No embedding model was ready.' };
    const scored = await score(labels, learned, document, background, embed);
    const categories = [...settled, ...scored.filter(({ label }) => label !== certain)]
      .map((category) => ({ ...category, score: rounded(category.score) }))
      .filter(({ score }) => score >= LOWEST_SCORE)
      .sort((a, b) => b.score - a.score || (a.label < b.label ? -1 : 1));
    return { output: { categories: labels.length > 0 ? categories : categories.slice(0, MOST_CATEGORIES) } };
  },
});

const isOfTaxonomy = (id: string): boolean => taxonomy.some(({ name }) => name === id);

function certainCategory(contentType: string): string | undefined {
  return taxonomy.find(({ certain }) => certain !== undefined && isFor(certain, contentType))?.name;
}

async function documentVector(
  { text, vector }: PluginInput,
  embed: EmbedTexts,
  model: string,
): Promise<Vector | undefined> {
  if (vector?.model === model) return vector.values;
  const passages = leadingPassages(text);
  if (passages.length === 0) return undefined;
  const embedded = await embed(passages);
  return embedded === undefined ? undefined : meanOf(embedded.vectors);
}

function leadingPassages(text: string): string[] {
  const passages: string[] = [];
  let passage = '';
  for (const sentence of sentencesOf(text)) {
    if (passage.length + sentence.text.length > LEADING.characters && passage !== '') {
      passages.push(passage);
      if (passages.length === LEADING.passages) return passages;
      passage = '';
    }
    passage = passage === '' ? sentence.text : `${passage}\n${sentence.text}`;
  }
  return passage === '' ? passages : [...passages, passage];
}

async function score(
  labels: readonly LabelPrompt[],
  learned: readonly LabelPrompt[],
  document: Vector,
  taxonomyVectors: { model: string; vectors: readonly Vector[] },
  embed: EmbedTexts,
): Promise<Output['categories']> {
  const calibration = calibrationOf(taxonomyVectors.model);
  const cosines = taxonomyVectors.vectors.map((vector) => cosine(document, vector));
  const background = cosines.reduce((a, b) => a + b, 0) / cosines.length;
  if (labels.length === 0) {
    return taxonomy.map(({ name }, index) => ({
      label: name,
      score: scoreOf(
        {
          description: cosines[index] ?? 0,
          background,
          ...shown(
            learned.find(({ id }) => id === name),
            document,
          ),
        },
        calibration,
      ),
    }));
  }
  const embedded = await embed(labels.map(promptOf));
  if (embedded === undefined) return [];
  return labels.map((label, index) => ({
    label: label.id,
    score: scoreLabel(label, document, embedded.vectors[index] ?? [], background, calibration),
  }));
}

function scoreLabel(
  label: LabelPrompt,
  document: Vector,
  prompt: Vector,
  background: number,
  calibration: Calibration,
): number {
  return scoreOf(
    { description: cosine(document, prompt), background, ...shown(label, document) },
    calibration,
  );
}

/** How like the document is to what was said to be right, and wrong. */
function shown(label: LabelPrompt | undefined, document: Vector): Pick<Likeness, 'positive' | 'negative'> {
  const likeness = (examples: LabelPrompt['positive']) =>
    // Of another model there is nothing to compare.
    examples === undefined || examples.vector.length !== document.length
      ? undefined
      : { cosine: cosine(document, examples.vector), count: examples.count };
  return { positive: likeness(label?.positive), negative: likeness(label?.negative) };
}

function promptOf({ name, description }: LabelPrompt): string {
  return description.trim() === '' ? name : `${name}: ${description}`;
}
