/** What a document is, when a workspace has no labels of its own. */
export interface Category {
  name: string;
  description: string;
  /** Media types, `image/*` allowed, that settle it whatever the text says. */
  certain?: readonly string[];
}

export const taxonomy: readonly Category[] = [
  {
    name: 'invoice',
    description:
      'An invoice or bill: invoice number, items, net and total amount, VAT, due date, payment terms, bank account.',
  },
  {
    name: 'receipt',
    description:
      'A receipt of a purchase: shop, items bought, price paid, cash or card, change, thank you for your purchase.',
  },
  {
    name: 'contract',
    description:
      'A contract or agreement between parties: clauses, obligations, term, termination, liability, governing law, signatures.',
  },
  {
    name: 'letter',
    description:
      'A letter to a person or an office: Dear Sir or Madam, I am writing to you, yours sincerely, kind regards.',
  },
  {
    name: 'report',
    description:
      'A business report: results of the quarter or year, revenue, figures, findings, recommendations, executive summary.',
  },
  {
    name: 'manual',
    description:
      'A manual or user guide: how to install, set up, operate and maintain a device or program, steps, warnings, troubleshooting.',
  },
  {
    name: 'meeting-notes',
    description:
      'Minutes or notes of a meeting: attendees, agenda, what was discussed and decided, action items, next meeting.',
  },
  {
    name: 'recipe',
    description:
      'A cooking recipe: ingredients, quantities, how to prepare and bake or cook a dish, servings, oven.',
  },
  {
    name: 'source-code',
    description: 'Source code of a program: functions, classes, imports, variables, return statements.',
    certain: [
      'text/javascript',
      'text/css',
      'text/x-*',
      'application/javascript',
      'application/typescript',
      'application/sql',
      'application/x-sh',
    ],
  },
  {
    name: 'scientific-paper',
    description:
      'A scientific paper: abstract, introduction, methods, experiments, results, references, we propose and evaluate.',
  },
  {
    name: 'news',
    description:
      'A news article: what happened yesterday, politics, officials said, police, government, agency report.',
  },
  {
    name: 'cv',
    description:
      'A curriculum vitae or résumé of a person: work experience, education, degrees, skills, languages, references.',
  },
  {
    name: 'presentation',
    description:
      'Slides of a presentation: title slide, bullet points, agenda, overview, thank you, questions.',
    certain: [
      'application/vnd.openxmlformats-officedocument.presentationml.presentation',
      'application/vnd.oasis.opendocument.presentation',
      'application/vnd.ms-powerpoint',
    ],
  },
  {
    name: 'data',
    description:
      'A spreadsheet or table of data: rows, columns, numbers, measurements, comma-separated values.',
    certain: [
      'text/csv',
      'text/tab-separated-values',
      'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
      'application/vnd.oasis.opendocument.spreadsheet',
      'application/vnd.ms-excel',
    ],
  },
  {
    name: 'legal',
    description:
      'A legal document: court, judgment, law, statute, plaintiff, defendant, lawsuit, appeal, legal opinion.',
  },
  {
    name: 'medical',
    description:
      'A medical document: patient, diagnosis, symptoms, treatment, medication and dose, laboratory values, doctor, hospital.',
  },
  {
    name: 'travel',
    description:
      'Travel: flight booking, boarding pass, hotel reservation, itinerary, train ticket, check-in, sightseeing.',
  },
  {
    name: 'marketing',
    description:
      'Marketing and advertising: newsletter, special offer, discount, new product launch, buy now, campaign, customers.',
  },
  {
    name: 'financial',
    description:
      'Personal finance: bank statement, account balance, transactions, tax return, salary slip, insurance policy, loan.',
  },
  {
    name: 'education',
    description:
      'Teaching and learning: lecture notes, homework, exercise sheet, exam questions, course syllabus, students.',
  },
  {
    name: 'personal',
    description:
      'Personal notes: diary entry, my day, feelings, family and friends, shopping list, ideas, to-do list.',
  },
  {
    name: 'email',
    description:
      'An e-mail message: from, to, subject, hi all, thanks, please find attached, forwarded message, reply.',
    certain: ['message/rfc822'],
  },
  {
    name: 'photo',
    description: 'A photograph or picture: camera, exposure, where and when it was taken.',
    certain: ['image/*'],
  },
  {
    name: 'music',
    description: 'Music or a recording: artist, album, track, lyrics, song.',
    certain: ['audio/*'],
  },
  { name: 'video', description: 'A film or video recording.', certain: ['video/*'] },
];
