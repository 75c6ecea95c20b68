/**
 * A cache that may forget at any moment. Reading from a cache that is down is a miss and writing to it is
 * nothing; whatever must not be forgotten belongs in the database.
 */
export interface Cache {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlSeconds: number): Promise<void>;
  delete(key: string): Promise<void>;
}
