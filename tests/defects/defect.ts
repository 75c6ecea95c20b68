/** A mistake that somebody could make, and the tests that have to notice it. */
export interface Defect {
  /** Of docs/security.md (S1…), of the fault matrix (F5…), or a word for what is promised besides (`bad input`). */
  readonly claim: string;
  readonly title: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** At least one test of these files has to fail. */
  readonly tests: readonly string[];
  /** Part of the title of the test that has to find it, where a file takes long; otherwise any test of the files may. */
  readonly by?: string;
}
