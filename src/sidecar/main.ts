import type { Server } from 'node:http';
import { type ServerType, serve } from '@hono/node-server';
import { createLogger, describeError } from '../core/telemetry/logger.ts';
import { createSidecarApp } from './app.ts';
import { readSidecarConfig, type SidecarConfig } from './config.ts';
import { createSidecarDependencies, type SidecarParts } from './dependencies.ts';

/** How long work in flight may take after SIGTERM. */
const GRACE_MS = 5_000;

const toStderr = (line: string) => {
  process.stderr.write(`${line}\n`);
};

function start(): void {
  const config = readSidecarConfig(process.env);
  const logger = createLogger(config.LOG_LEVEL, { service: 'sidecar' }, toStderr);
  const parts = createSidecarDependencies(config, logger);
  const app = createSidecarApp(parts);
  const server = serve({ fetch: app.fetch, port: config.PORT, hostname: config.HOST }, ({ port }) => {
    // The launcher reads this line; nothing else ever goes to stdout.
    process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`);
  });
  server.on('error', fail);
  stopOnSignal(config, server, parts);
}

function stopOnSignal(config: SidecarConfig, server: ServerType, parts: SidecarParts): void {
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(0), GRACE_MS).unref();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      closeIdle(server);
    });
    await parts.close();
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (config.EXIT_WITH_PARENT === '1') {
    // The launcher holds the other end of stdin: however it dies, the pipe ends.
    process.stdin.on('end', stop).on('error', stop).resume();
  }
}

/** Kept-alive connections without a request would hold the server open. */
function closeIdle(server: ServerType): void {
  const http: Partial<Pick<Server, 'closeIdleConnections'>> = 'closeIdleConnections' in server ? server : {};
  http.closeIdleConnections?.();
}

function fail(error: unknown): never {
  toStderr(
    JSON.stringify({
      service: 'sidecar',
      level: 'error',
      message: 'start failed',
      error: describeError(error),
    }),
  );
  process.exit(1);
}

try {
  start();
} catch (error) {
  fail(error);
}
