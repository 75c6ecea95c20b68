export interface SealedValue {
  /** Of the row, as it is in the context that the value was sealed under. */
  readonly id: string;
  readonly sealed: string;
}

/** A column of sealed values. */
export interface SealedColumn {
  readonly contextOf: (id: string) => string;
  /** Those that do not begin with this prefix, of keys that are still in use. */
  notUnder(prefix: string, limit: number): Promise<SealedValue[]>;
  /** Does nothing when the value is not `from` any more. */
  replace(id: string, from: string, to: string): Promise<void>;
}
