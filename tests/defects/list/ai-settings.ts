import type { Defect } from '../defect.ts';

const AI = 'src/modules/ai';
const RUNS = `${AI}/repository/rule-runs.ts`;
const FUNCTIONS = 'drizzle/0008_ai-functions.sql';
const PROVIDERS = `${AI}/adapters/providers.ts`;
const JOBS = [`${AI}/repository/job-repository.test.ts`];
const RULES = ['tests/ai/rules.test.ts'];
const LABELS = ['tests/ai/labels.test.ts'];
const ANSWERS = ['tests/ai/providers.test.ts'];

/** Labels, rules and models: who may set them, and what they do then. */
export const AI_SETTING_DEFECTS: readonly Defect[] = [
  {
    claim: 'S27',
    title: 'a rule has the rights of the drive instead of its author’s',
    file: RUNS,
    find: "actorId: uuidToId('usr', String(row.created_by)),",
    replace: "actorId: uuidToId('usr', String(row.drive_id)),",
    tests: RULES,
    by: 'a rule has the rights of its author at that moment: who lost them changes nothing',
  },
  {
    claim: 'S47',
    title: 'a rule acts on a label that a person has taken back',
    file: RUNS,
    find: 'r.enabled and exists (',
    replace: 'true or exists (',
    tests: RULES,
    by: 'a rule does not act on content that is not current any more, nor when the label was taken back',
  },
  {
    claim: 'S47',
    title: 'a rule acts on a version each time that it is analysed',
    file: FUNCTIONS,
    find: 'ON CONFLICT DO NOTHING\n$$;\n--> statement-breakpoint\nCREATE INDEX rule_runs_pending_idx',
    replace:
      "ON CONFLICT (rule_id, version_id) DO UPDATE SET state = 'pending', updated_at = now()\n$$;\n--> statement-breakpoint\nCREATE INDEX rule_runs_pending_idx",
    tests: JOBS,
    by: 'take the place of those before, and rules that they reach are asked for once',
  },
  {
    claim: 'labels',
    title: 'the classifier says again what a person has denied',
    file: FUNCTIONS,
    find: ' AND NOT EXISTS (SELECT FROM said s WHERE s.label = c.label)',
    replace: '',
    tests: JOBS,
    by: 'what a person has said stands above what was found',
  },
  {
    claim: 'S27',
    title: 'viewers correct what a file is filed under',
    file: `${AI}/repository/corrections.ts`,
    find: "when there.rank < ${EDITOR} then 'role_required'",
    replace: "when there.rank < 1 then 'role_required'",
    tests: LABELS,
    by: 'a correction counts at once, by editors only, and can be forgotten',
  },
  {
    claim: 'S26',
    title: 'a label of another drive can be used',
    file: `${AI}/repository/drive-access.ts`,
    find: 'where l.id = ${uuid(label)} and l.drive_id = ${driveId})`',
    replace: 'where l.id = ${uuid(label)} and ${driveId} is not null)`',
    tests: RULES,
    by: 'only a folder of the drive can be moved to, and only what is a label can be reacted to',
  },
  {
    claim: 'S29',
    title: 'a file is filed under labels of another drive, and under ones that are gone',
    file: FUNCTIONS,
    find: "WHERE l.label IS NOT NULL OR f.label NOT LIKE 'lbl\\_%'",
    replace: 'WHERE true',
    tests: JOBS,
    by: 'are not filed under labels of another drive, nor under ones that are gone',
  },
  {
    claim: 'models',
    title: 'the next model answers before all its vectors are there',
    file: `${AI}/repository/model-choices.ts`,
    find: '      and not exists (select from ai.versions_without(c.drive_id, c.next_model))\n',
    replace: '',
    tests: ['tests/ai/models.test.ts'],
    by: 'answers when all its vectors are there, and until then the present one does',
  },
  {
    claim: 'models',
    title: 'vectors that another model has made are kept as those of the one that was asked for',
    file: `${AI}/service/embed-chunks.ts`,
    find: 'if (made.model !== model) throw',
    replace: 'if (made.vectors.length === 0) throw',
    tests: [`${AI}/service/analysis.test.ts`],
    by: 'keeps no vector that another model made than was asked for',
  },
  {
    claim: 'models',
    title: 'an answer names the first provider, whichever has made it',
    file: PROVIDERS,
    find: 'provider: provider.name };',
    replace: "provider: asked[0]?.name ?? '' };",
    tests: ANSWERS,
    by: 'the second answers when the first',
  },
  {
    claim: 'models',
    title: 'a provider of another model is asked as well',
    file: PROVIDERS,
    find: 'model === undefined || provider.model === undefined || provider.model === model,',
    replace: 'model === undefined || provider.model !== null,',
    tests: ANSWERS,
    by: 'of another model are never asked for this one',
  },
  {
    claim: 'F2',
    title: 'a provider that keeps failing is asked each time',
    file: PROVIDERS,
    find: '      guards.set(wanted, guard);\n',
    replace: '',
    tests: ANSWERS,
    by: 'that keep failing are left alone for a while, and asked again after it',
  },
];
