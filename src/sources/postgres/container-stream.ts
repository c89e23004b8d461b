import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { Invocation } from './client-process.ts';

const patienceMs = 5000;

/**
 * A connection through a program's standard input and output, with the few methods of a socket that the driver calls.
 * It ends with the program, and the program with it.
 */
export function containerStream(invocation: Invocation): Duplex {
  const child = spawn(invocation.file, invocation.args, { env: { ...invocation.environment }, stdio: ['pipe', 'pipe', 'ignore'] });
  const stream = Duplex.from({ writable: child.stdin, readable: child.stdout });
  child.on('error', (error) => stream.destroy(error));
  stream.on('close', () => {
    child.stdin.destroy();
    if (child.exitCode !== null || child.signalCode !== null) return;
    // Told to end by the end of its input, a program inside the container does; the client's death alone would leave it.
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    child.on('exit', () => clearTimeout(timer));
  });
  return Object.assign(stream, {
    connect() {
      process.nextTick(() => stream.emit('connect'));
    },
    setNoDelay: () => stream,
    setKeepAlive: () => stream,
    ref: () => stream,
    unref: () => stream,
  });
}
