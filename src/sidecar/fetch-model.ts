import { readSidecarConfig } from './config.ts';
import { createConfiguredModels } from './dependencies.ts';

/** Fetches the model into MODEL_CACHE_DIR and exits: for images and machines that will have no network later. */
const config = readSidecarConfig({
  ...process.env,
  // The check of the whole environment wants these; fetching uses neither.
  SERVICE_TOKEN_SECRET: process.env.SERVICE_TOKEN_SECRET ?? 'not used while fetching a model'.padEnd(32),
  S3_ENDPOINT: process.env.S3_ENDPOINT ?? 'http://unused.invalid',
});
const { resolver } = createConfiguredModels(config);
const resolved = await resolver.resolve(AbortSignal.timeout(900_000));
await resolver.remember(resolved);
process.stderr.write(`${resolved.model.id} from ${resolved.folder.source} is in ${resolved.folder.path}\n`);
