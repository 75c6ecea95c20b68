import { createServer, type Socket } from 'node:net';

export const EICAR = `X5O!P%@AP[4\\PZX54(P^)7CC)7}$${'EICAR-STANDARD-ANTIVIRUS-TEST-FILE'}!$H+H*`;

export interface FakeClamd {
  address: string;
  /** In place of an answer, from now on. */
  behave(as: 'well' | 'silent' | 'hang up' | 'talk nonsense' | 'read nothing'): void;
  close(): void;
}

/**
 * Speaks clamd's INSTREAM and knows one signature. As the real one does, it answers as soon as a stream is larger than
 * its limit.
 * @param where port 0 for any, or the path of a Unix socket
 */
export async function startFakeClamd(where: 0 | string, mostBytes = 1_000_000): Promise<FakeClamd> {
  let behaviour: Parameters<FakeClamd['behave']>[0] = 'well';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    if (behaviour === 'hang up') return void socket.destroy();
    if (behaviour === 'talk nonsense') return void socket.end('who are you?\0');
    if (behaviour === 'read nothing') return void socket.pause();
    if (behaviour === 'well') scan(socket, mostBytes);
    else socket.resume();
  });
  await new Promise<void>((resolve) =>
    typeof where === 'string' ? server.listen(where, resolve) : server.listen(where, '127.0.0.1', resolve),
  );
  const bound = server.address();
  return {
    address: typeof bound === 'object' ? `127.0.0.1:${bound?.port}` : (bound ?? ''),
    behave: (as) => {
      behaviour = as;
    },
    close: () => void server.close(),
  };
}

function scan(socket: Socket, mostBytes: number): void {
  let buffered = Buffer.alloc(0);
  let stream = Buffer.alloc(0);
  let isBegun = false;
  let isAnswered = false;
  socket.on('data', (data) => {
    if (isAnswered) return;
    buffered = Buffer.concat([buffered, data]);
    if (!isBegun) {
      if (!buffered.includes(0)) return;
      if (buffered.subarray(0, 10).toString() !== 'zINSTREAM\0') return void socket.end('UNKNOWN COMMAND\0');
      buffered = buffered.subarray(10);
      isBegun = true;
    }
    while (buffered.length >= 4) {
      const length = buffered.readUInt32BE();
      if (length === 0) {
        const found = stream.includes(EICAR);
        return void socket.end(found ? 'stream: Eicar-Test-Signature FOUND\0' : 'stream: OK\0');
      }
      if (stream.length + length > mostBytes) {
        isAnswered = true;
        return void socket.end('INSTREAM size limit exceeded. ERROR\0');
      }
      if (buffered.length < 4 + length) return;
      stream = Buffer.concat([stream, buffered.subarray(4, 4 + length)]);
      buffered = buffered.subarray(4 + length);
    }
  });
}
