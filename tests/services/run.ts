import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface RunOptions {
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
}

const execute = promisify(execFile);

/**
 * What the command prints.
 * @throws Error that names the command and carries what it printed
 */
export async function run(
  command: string,
  args: readonly string[],
  { timeoutMs, ...options }: RunOptions,
): Promise<string> {
  try {
    const { stdout } = await execute(command, [...args], { ...options, timeout: timeoutMs });
    return stdout.trim();
  } catch (error) {
    const printed = error instanceof Error ? Reflect.get(error, 'stderr') : undefined;
    const why = typeof printed === 'string' && printed !== '' ? printed.trim() : String(error);
    throw new Error(`${command} ${args[0] ?? ''} failed: ${why}`, { cause: error });
  }
}
