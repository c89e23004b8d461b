import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { PostgresCluster } from '../fixtures/postgres-cluster.ts';

/** The address at which a real server claims to be of the next major version. */
export interface NewerServer extends AsyncDisposable {
  readonly port: number;
  readonly major: number;
}

/** Stands before a server and changes the version that it tells, in words of the same length. */
export async function newerServer(cluster: PostgresCluster): Promise<NewerServer> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(cluster.port, cluster.host);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => [client, server].forEach((each) => each.destroy()));
    }
    client.pipe(server);
    server.on('data', (bytes) => client.write(Buffer.from(newer(bytes.toString('latin1'), cluster.major), 'latin1')));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as AddressInfo).port,
    major: cluster.major + 1,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

/** `15.18 (Debian …)` and `150018`. */
function newer(text: string, major: number): string {
  return text.replaceAll(new RegExp(`\\b${major}(?=\\.\\d)|\\b${major}(?=00\\d\\d\\b)`, 'g'), String(major + 1));
}
