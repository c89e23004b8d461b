import { Socket } from 'node:net';

/** What takes bytes straight from a socket; the buffer is used again after it returns. */
export type TakeRaw = (bytes: Buffer) => void;

const takers = new WeakMap<object, TakeRaw>();
const readBytes = 256 * 1024;

/**
 * A socket that reads into one buffer again and again. While rows are copied, `divert` takes them from there; otherwise
 * it emits `data` like any other. A server sends 8 KB at a time: a new buffer for each would cost more than the rows.
 */
export function openCopySocket(): Socket {
  const socket: Socket = new Socket({
    onread: {
      buffer: Buffer.allocUnsafeSlow(readBytes),
      callback(sizeBytes, buffer) {
        const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, sizeBytes);
        const taker = takers.get(socket);
        if (taker === undefined) socket.emit('data', Buffer.from(bytes));
        else taker(bytes);
        return true;
      },
    },
  });
  directSockets.add(socket);
  return socket;
}

const directSockets = new WeakSet<object>();

/** Everything that arrives goes to `take` instead of the `data` listeners, until the returned function gives them back. */
export function divert(socket: Socket, take: TakeRaw): () => void {
  if (directSockets.has(socket)) {
    takers.set(socket, take);
    return () => takers.delete(socket);
  }
  const listeners = socket.listeners('data') as TakeRaw[];
  socket.removeAllListeners('data');
  socket.on('data', take);
  return () => {
    socket.removeListener('data', take);
    for (const listener of listeners) socket.on('data', listener);
  };
}
