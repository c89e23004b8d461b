import { request, type RequestOptions } from 'node:http';
import { parseListenAddress } from '../src/domain/listen-address.ts';

/*
 * Whether the service of this container answers that it is well: exit status 0, else 1 and why. Asks where HOLDFAST_LISTEN
 * says that it listens, from inside.
 */

const { env: environment } = process;
const listen = parseListenAddress(environment['HOLDFAST_LISTEN'] ?? '127.0.0.1:8000');
if (listen === undefined) fail('HOLDFAST_LISTEN is no address');
else ask(listen.kind === 'socket' ? { socketPath: listen.path } : { host: reachable(listen.host), port: listen.port });

/** An address that stands for all of them cannot be asked. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

function ask(place: RequestOptions): void {
  const asking = request({ ...place, path: '/healthz', timeout: 4000 }, (response) => {
    response.resume();
    if (response.statusCode !== 200) fail(`it answers ${response.statusCode}`);
  });
  asking.on('timeout', () => asking.destroy(new Error('it does not answer')));
  asking.on('error', (error) => fail(error.message));
  asking.end();
}

function fail(why: string): void {
  process.stderr.write(`not well: ${why}\n`);
  process.exitCode = 1;
}
