import { z } from 'zod';

/** How the bytes of an object are encrypted at rest (docs/decisions/0017). */
export const objectEncryptionSchema = z.enum(['none', 'sse-s3', 'sse-kms', 'envelope']);
export type ObjectEncryption = z.infer<typeof objectEncryptionSchema>;
