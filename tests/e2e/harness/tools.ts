import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { ROOT } from './local-stack.ts';

export interface ToolRun {
  /** Lines of JSON, one object each. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly errors: string;
  readonly code: number | null;
}

/** A tool of src/local on a data folder, as an operator runs it. */
export async function runTool(name: string, dataDir: string, ...args: string[]): Promise<ToolRun> {
  const { DATABASE_URL: _, ...env } = process.env;
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', `src/local/${name}.ts`, ...args],
    { cwd: ROOT, env: { ...env, ACS_DATA_DIR: dataDir }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  const lines = output.split('\n').flatMap((line) => {
    const parsed: unknown = line === '' ? undefined : JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null ? [Object.fromEntries(Object.entries(parsed))] : [];
  });
  return { lines, errors, code };
}
