import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { findingsOf, LICENCE_EXCEPTIONS, type LockedPackage, refusedLicences } from './licences.ts';

// Part of `npm run check`: nothing that ships has a licence that nobody has agreed to, or a known hole. Where the registry
// does not answer the question about holes, that is said, and is no failure: a check that needs the network would stop
// whoever has none.

const ROOT = join(import.meta.dirname, '../..');
const AUDIT_TIMEOUT_MS = 60_000;

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ dev: z.boolean().optional(), license: z.string().optional(), version: z.string().optional() }),
  ),
});

async function shippedPackages(): Promise<LockedPackage[]> {
  const { packages } = lockSchema.parse(JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')));
  return Object.entries(packages).flatMap(([path, { dev, license, version = '' }]) =>
    path === '' || dev
      ? []
      : [{ name: path.slice(path.lastIndexOf('node_modules/') + 13), version, licence: license }],
  );
}

const packages = await shippedPackages();
const refused = refusedLicences(packages);
for (const { name, version, licence } of refused)
  console.error(
    `licence: ${name}@${version} is under ${licence ?? 'none that it names'}: see src/local/licences.ts`,
  );
console.log(`licences: ${packages.length} packages, ${LICENCE_EXCEPTIONS.size} of them exceptions`);

const audit = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  cwd: ROOT,
  encoding: 'utf8',
  timeout: AUDIT_TIMEOUT_MS,
});
const findings = findingsOf(audit.stdout ?? '');
if (findings === undefined) console.log('known holes: not checked, the registry did not answer');
else console.log(`known holes: ${findings.length} that are high or critical`);
for (const { name, severity, title } of findings ?? []) console.error(`${severity}: ${name}: ${title}`);

process.exitCode = refused.length > 0 || (findings ?? []).length > 0 ? 1 : 0;
