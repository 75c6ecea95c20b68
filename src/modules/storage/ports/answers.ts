/** Of what an answer about somebody's own drive is made: it changes with every change that the answer could show. */
export interface StampRepository {
  /** Undefined when the entry is not live, or not in this user's own drive. */
  ofFile(userId: string, fileId: string): Promise<string | undefined>;
  /** Of the user's own drive; undefined while nothing has been put there. */
  ofDrive(userId: string): Promise<string | undefined>;
}
