import { makeDocx, makePdf } from '../../../src/sidecar/testing/documents.ts';

export interface LibraryDocument {
  readonly name: string;
  readonly content: Uint8Array<ArrayBuffer>;
  /** A question whose answer it is, without any of its telling words. */
  readonly question: string;
  /** A word that stands in this document only. */
  readonly rareWord: string;
}

const utf8 = (text: string) => new TextEncoder().encode(text);

export const ALPINE_TEXT = `Hut rules of the Kaltwasser refuge.

Guests arriving after dark ring the brass bell beside the door and wait for the warden.
Boots stay in the drying room; felt slippers are lent out by the warden.
The spring freezes in November, so every litre is melted from snow on the quillwort stove.
`;

/** One document of each kind that is read, on subjects far apart. */
export const LIBRARY: readonly LibraryDocument[] = [
  {
    name: 'refuge.txt',
    content: utf8(ALPINE_TEXT),
    question: 'what do mountaineers drink when everything is icy',
    rareWord: 'quillwort',
  },
  {
    name: 'sourdough.md',
    content: utf8(
      '# Bread at home\n\nFeed the *starter* with flour and water every morning. Knead the dough, let it rise overnight in a banneton and bake it in a very hot oven until the crust is dark.\n',
    ),
    question: 'recipe for making a loaf',
    rareWord: 'banneton',
  },
  {
    name: 'insurance.html',
    content: utf8(
      '<!doctype html><html><head><title>Motor policy</title><style>p{color:red}</style></head><body><h1>Motor policy</h1><p>If another driver damages your car in a collision, send us photographs within a week. The excess of 300 euros is waived under the zephyrine tariff.</p><script>track()</script></body></html>',
    ),
    question: 'what to do after a traffic accident',
    rareWord: 'zephyrine',
  },
  {
    name: 'telescopes.csv',
    content: utf8(
      'instrument,aperture,site,use\nMeridian refractor,20 cm,Pulkovka,star positions\nDobsonian reflector,40 cm,garden,observing galaxies and nebulae\n',
    ),
    question: 'equipment for looking at the night sky',
    rareWord: 'pulkovka',
  },
  {
    name: 'clinic.json',
    content: utf8(
      JSON.stringify({
        clinic: 'Harbour street',
        services: ['vaccination of puppies', 'dental care for cats', 'castration'],
        note: 'Ask for Dr. Oxenstrand when the dog limps.',
      }),
    ),
    question: 'veterinary treatment for my pet',
    rareWord: 'oxenstrand',
  },
  {
    name: 'retry.ts',
    content: utf8(
      '// Calls a flaky network service again, waiting twice as long after each failure.\nexport async function retryWithBackoff<T>(operation: () => Promise<T>, tries = 5): Promise<T> {\n  const jitterbug = Math.random();\n  try {\n    return await operation();\n  } catch (error) {\n    if (tries === 0) throw error;\n    return retryWithBackoff(operation, tries - 1);\n  }\n}\n',
    ),
    question: 'code that repeats a request when the connection fails',
    rareWord: 'jitterbug',
  },
  {
    name: 'lease.pdf',
    content: new Uint8Array(
      makePdf({
        pages: [
          ['Tenancy agreement', 'The parties are named on the last page.'],
          [
            'The tenant pays 900 euros on the first of every month to the landlord.',
            'Notice must be given three months before moving out of the flat.',
            'The deposit is kept at the Wrenfield savings bank.',
          ],
        ],
      }),
    ),
    question: 'how much rent is due for the apartment',
    rareWord: 'wrenfield',
  },
  {
    name: 'orchard.docx',
    content: new Uint8Array(
      makeDocx([
        'Care of fruit trees',
        'Prune apple and pear trees in late winter, before the buds swell.',
        'Against codling moth hang the glimmerstrip traps in May.',
      ]),
    ),
    question: 'the right season for cutting back branches',
    rareWord: 'glimmerstrip',
  },
];
