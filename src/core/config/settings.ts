import type { z } from 'zod';
import { describeError, type Logger } from '../telemetry/logger.ts';

/** How long an isolate goes by what it read last: the longest until a setting takes effect everywhere. */
export const SETTINGS_MS = 5_000;

export interface SettingsOptions<Schema extends z.ZodType> {
  readonly module: string;
  readonly schema: Schema;
  /** Holds where nothing is stored, or nothing that the schema takes. */
  readonly defaults: z.output<Schema>;
  /** What is stored for the module, unparsed; undefined when nothing is. */
  readonly load: () => Promise<unknown>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Pick<Logger, 'error'>;
}

/**
 * Settings of a module that change while it runs. Never throws: what is malformed counts as not stored and is logged;
 * while the database is away they stay as they were last, and the defaults before the first read.
 */
export function settingsOf<Schema extends z.ZodType>(
  options: SettingsOptions<Schema>,
): () => Promise<z.output<Schema>> {
  const { module, schema, defaults, load, now, logger } = options;
  let known: z.output<Schema> = defaults;
  let until = Number.NEGATIVE_INFINITY;

  return async () => {
    if (now() < until) return known;
    try {
      const stored = await load();
      const parsed = stored === undefined ? undefined : schema.safeParse(stored);
      if (parsed && !parsed.success)
        logger.error('stored settings are malformed, going by the defaults', {
          settings: module,
          fields: parsed.error.issues.map(({ path }) => path.join('.') || '(all)').join(', '),
        });
      known = parsed?.success ? parsed.data : defaults;
    } catch (error) {
      logger.error('settings could not be read', { settings: module, error: describeError(error) });
    }
    until = now() + SETTINGS_MS;
    return known;
  };
}
