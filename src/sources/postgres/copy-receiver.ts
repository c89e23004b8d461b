import type { Socket } from 'node:net';
import type { Connection, Submittable } from 'pg';
import { HoldfastError } from '../../domain/errors.ts';
import type { Session } from './connection.ts';
import { divert } from './copy-socket.ts';

/** Takes rows as COPY prints them, and is done with the buffer when it returns. */
export interface RowReceiver {
  /** False asks for a pause; `resume` ends it. */
  take(rows: Buffer, resume: () => void): boolean;
}

/**
 * Runs `COPY … TO STDOUT`; resolves with the count of rows after the last was taken. Throws translated errors, and
 * `DUMP_INCOMPLETE` when not as many rows came as the server counted.
 */
export async function copyOut(session: Session, sql: string, receiver: RowReceiver): Promise<number> {
  try {
    return await new Promise<number>((resolve, reject) => {
      session.client.query(new CopyOut(sql, receiver, { resolve, reject }));
    });
  } catch (error) {
    throw session.explain(error);
  }
}

interface Settle {
  readonly resolve: (rows: number) => void;
  readonly reject: (error: Error) => void;
}

const copyData = 0x64;
const copyOutResponse = 0x48;
const headerBytes = 5;

/**
 * The server sends one message a row. Taking them apart is most of what a client has to do here, so it is done on the
 * socket's own chunks: headers are squeezed out in place, and each chunk is handed on in one piece. The first message that
 * is not part of the rows gives the socket back to the driver, and the server's own end of it is waited for there.
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html (CopyData, CopyOutResponse)
 */
class CopyOut implements Submittable {
  readonly #sql: string;
  readonly #receiver: RowReceiver;
  readonly #settle: Settle;
  /** Received, and as the server counts them. */
  #rows = 0;
  #rowsSent = 0;
  #socket: Socket | null = null;
  #giveBack: () => void = () => undefined;
  /** Bytes still to come of the message at hand, and whether they are rows. */
  #remaining = 0;
  #isRow = false;
  /** A message's header that was cut by the end of a chunk. */
  #header: Buffer = Buffer.alloc(0);

  constructor(sql: string, receiver: RowReceiver, settle: Settle) {
    this.#sql = sql;
    this.#receiver = receiver;
    this.#settle = settle;
  }

  submit(connection: Connection): void {
    const socket = (connection as Connection & { readonly stream: Socket }).stream;
    this.#socket = socket;
    this.#giveBack = divert(socket, (chunk) => this.#receive(chunk));
    connection.query(this.#sql);
  }

  #receive(given: Buffer): void {
    const chunk = this.#header.length === 0 ? given : Buffer.concat([this.#header, given]);
    this.#header = Buffer.alloc(0);
    let read = 0;
    let written = 0;
    for (;;) {
      const available = Math.min(this.#remaining, chunk.length - read);
      if (this.#isRow) {
        if (written !== read) chunk.copyWithin(written, read, read + available);
        written += available;
      }
      read += available;
      this.#remaining -= available;
      if (chunk.length - read < headerBytes) break;
      const type = chunk[read];
      if (type !== copyData && type !== copyOutResponse) break;
      this.#isRow = type === copyData;
      if (this.#isRow) this.#rows++;
      this.#remaining = chunk.readInt32BE(read + 1) - 4;
      read += headerBytes;
    }
    if (written > 0) this.#hand(chunk.subarray(0, written));
    if (read < chunk.length) this.#handleRest(chunk, read);
  }

  #handleRest(chunk: Buffer, read: number): void {
    const type = chunk[read];
    const rest = Buffer.from(chunk.subarray(read));
    if (type === copyData || type === copyOutResponse) {
      this.#header = rest;
      return;
    }
    this.#giveBack();
    this.#socket?.emit('data', rest);
  }

  #hand(rows: Buffer): void {
    const socket = this.#socket;
    if (!this.#receiver.take(rows, () => socket?.resume())) socket?.pause();
  }

  /** Rows after a message of another kind, for example a notice, come through the driver. */
  handleCopyData(message: { readonly chunk: Buffer }): void {
    this.#rows++;
    this.#hand(message.chunk);
  }

  handleCommandComplete(message: { readonly text?: string }): void {
    this.#rowsSent = Number(/^COPY (\d+)$/.exec(message.text ?? '')?.[1] ?? Number.NaN);
  }

  handleReadyForQuery(): void {
    this.#socket?.resume();
    if (this.#rows === this.#rowsSent) this.#settle.resolve(this.#rows);
    else this.#settle.reject(lostRows(this.#rows, this.#rowsSent));
  }

  handleError(error: Error): void {
    this.#settle.reject(error);
  }
}

function lostRows(received: number, sent: number): HoldfastError {
  return new HoldfastError('DUMP_INCOMPLETE', `The server sent ${sent} rows and ${received} arrived`, {
    hint: 'Run the backup again; if it happens again, set "connections: 1" and report this as an error of Holdfast',
  });
}
