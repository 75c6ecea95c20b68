import { z } from 'zod';
import { databaseConfigSchema, parseConfig } from '../core/config/config.ts';
import { migrate } from '../core/database/migrate.ts';
import { readMigrations } from './migrations.ts';

// `npm run db:migrate`: brings the database at DATABASE_URL (Neon, or a Neon-compatible front) up to date.
const config = parseConfig('db:migrate', z.object(databaseConfigSchema.shape), process.env);
const applied = await migrate(config.DATABASE_URL, await readMigrations(), config.DATABASE_FETCH_ENDPOINT);
console.log(applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}`);
