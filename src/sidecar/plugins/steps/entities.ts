import type { z } from 'zod';
import type { entitiesOutputSchema } from '../../../contracts/sidecar.ts';
import { definePlugin } from '../plugin.ts';
import { datesIn } from '../text/dates.ts';
import { namesIn } from '../text/names.ts';
import { isCodeType, isTableType } from '../text/prose.ts';
import { amountsIn, emailsIn, type Found, phonesIn, urlsIn } from '../text/recognise.ts';

type Entity = z.infer<typeof entitiesOutputSchema>['entities'][number];

const MOST_ENTITIES = 1_000;
const ENGLISH_ONLY = 'People, places and organisations are looked for in English text only.';

/** People, places, organisations, dates, amounts, e-mail addresses, URLs and phone numbers, with where they stand. */
export default definePlugin<z.infer<typeof entitiesOutputSchema>>({
  manifest: {
    name: 'entities',
    version: '1.0.0',
    description:
      'Dates, amounts, e-mail addresses, URLs and phone numbers; of English text also people, places and organisations.',
    inputs: ['text'],
    outputs: ['entities'],
    mediaTypes: ['*'],
    limits: { milliseconds: 30_000, characters: 400_000, outputBytes: 400_000 },
  },
  run({ text, language, contentType }) {
    if (text.trim() === '') return { skipped: 'There is no text.' };
    const hasNames = language === 'en' && !isCodeType(contentType) && !isTableType(contentType);
    const entities = withoutConflicts([
      ofType('url', urlsIn(text)),
      ofType('email', emailsIn(text)),
      ofType('date', datesIn(text, language)),
      ofType('amount', amountsIn(text)),
      ofType('phone', phonesIn(text)),
      hasNames ? namesIn(text).map(short) : [],
    ]);
    return { output: { entities }, ...(hasNames ? {} : { remark: ENGLISH_ONLY }) };
  },
});

function ofType(type: Entity['type'], found: readonly Found[]): Entity[] {
  return found.map((entry) => short({ type, ...entry }));
}

/** The first 300 characters of what is longer; the span is that of all of it. */
function short(entity: Entity): Entity {
  const { text, value, ...place } = entity;
  return {
    ...place,
    text: text.slice(0, 300),
    ...(value === undefined ? {} : { value: value.slice(0, 300) }),
  };
}

/** Of two that overlap, the one of the earlier list; in the order of the text. */
function withoutConflicts(lists: readonly Entity[][]): Entity[] {
  let kept: Entity[] = [];
  for (const list of lists) {
    const free: Entity[] = [];
    let at = 0;
    for (const entity of list.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
      while (at < kept.length && (kept[at]?.end ?? 0) <= entity.start) at++;
      const taken = (kept[at]?.start ?? Number.POSITIVE_INFINITY) < entity.end;
      if (!taken && (free.at(-1)?.end ?? 0) <= entity.start) free.push(entity);
    }
    kept = [...kept, ...free].sort((a, b) => a.start - b.start);
  }
  return kept.slice(0, MOST_ENTITIES);
}
