import { chmod, lstat, unlink } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { HoldfastError } from '../domain/errors.ts';
import type { ListenAddress } from '../domain/service-settings.ts';

/** Where it listens, as URLs; a socket as `unix:/path`. Throws `LISTEN_FAILED`. */
export async function listen(app: FastifyInstance, address: ListenAddress): Promise<readonly string[]> {
  try {
    if (address.kind === 'socket') return [await listenOnSocket(app, address.path)];
    await app.listen({ host: address.host, port: address.port });
    return app
      .addresses()
      .filter((bound) => typeof bound !== 'string')
      .map(urlOf);
  } catch (cause) {
    throw listenFailed(address, cause as NodeJS.ErrnoException);
  }
}

function urlOf({ address, port }: AddressInfo): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** A socket that a killed service left is nobody's: it is replaced. Owner and group may use it. */
async function listenOnSocket(app: FastifyInstance, path: string): Promise<string> {
  const isSocket = await lstat(path).then(
    (stats) => stats.isSocket(),
    () => false,
  );
  if (isSocket && !(await answers(path))) await unlink(path);
  await app.listen({ path });
  await chmod(path, 0o660);
  return `unix:${path}`;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function listenFailed(address: ListenAddress, cause: NodeJS.ErrnoException): HoldfastError {
  const where = address.kind === 'socket' ? address.path : `${address.host}:${address.port}`;
  const why = {
    EADDRINUSE: 'something else listens there',
    EACCES: 'this user may not',
    EADDRNOTAVAIL: 'this machine has no such address',
  };
  const reason = why[cause.code as keyof typeof why] ?? cause.message;
  return new HoldfastError('LISTEN_FAILED', `Cannot listen on ${where}: ${reason}`, {
    hint: 'Name another address: holdfast serve --listen 127.0.0.1:8001',
    cause,
  });
}
