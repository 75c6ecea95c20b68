// The door of every npm script: plain JavaScript for whatever Node (20 or newer) is there. It installs what the lock
// file names if that has not happened yet, then runs the given TypeScript file on the project's own Node.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const modules = join(root, 'node_modules');
const marker = join(modules, '.installed-lock');
const ownNode = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 20) fail(`Node 20 or newer is needed; this is ${process.versions.node}.`);
const [script, ...args] = process.argv.slice(2);
if (!script) fail('usage: node src/local/bootstrap.mjs SCRIPT [ARGUMENT…]');

install();
run();

function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  // The marker is written last: an install that was broken off is done again.
  if (existsSync(marker) && readFileSync(marker, 'utf8') === lock && existsSync(ownNode)) return;
  console.log('Installing dependencies from the lock file (a few minutes the first time)…');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    // onnxruntime-node's script would fetch GPU libraries that nothing here uses.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
  if (result.error) fail(`npm could not be run: ${result.error.message}`);
  if (result.status !== 0)
    fail('The installation failed; what npm says is above. Running the same command again carries on.');
  if (!existsSync(ownNode))
    fail('The package "node" brought no Node for this platform; run npm with install scripts enabled.');
  writeFileSync(marker, lock);
}

function run() {
  const child = spawn(ownNode, ['--disable-warning=ExperimentalWarning', script, ...args], {
    cwd: root,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: {
      ...process.env,
      PATH: [dirname(ownNode), join(modules, '.bin'), process.env.PATH].join(
        process.platform === 'win32' ? ';' : ':',
      ),
    },
  });
  // Ctrl-C reaches the whole group by itself; a signal to this process alone has to be handed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // npm starts scripts through a shell that dies of the signal which npm hands it, without telling its child.
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event) {
    setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 500).unref();
  }
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
