import { sessionOptions } from './session-settings.ts';
import type { ServerAddress } from './server-address.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of libpq that say how to talk, not to whom; everything else of `PG*` is set here or must not leak in. */
const inherited: readonly string[] = [
  'PATH',
  'HOME',
  'TMPDIR',
  'LD_LIBRARY_PATH',
  'SYSTEMROOT',
  'PGKRBSRVNAME',
  'PGGSSLIB',
  'PGGSSENCMODE',
  'PGCHANNELBINDING',
  'PGREQUIREPEER',
  'PGREQUIREAUTH',
  'PGSSLCRL',
  'PGSSLNEGOTIATION',
  'KRB5CCNAME',
];

/**
 * What a client program is started with: the server, the credentials and the fixed session settings. Nothing of it is in
 * its arguments, where other users of the machine could read it, and a database name is never taken for a connection
 * string.
 */
export function clientEnvironment(address: ServerAddress, database: string, environment: Environment): Record<string, string> {
  const own: Record<string, string | null> = {
    LC_ALL: 'C',
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGUSER: address.user,
    PGDATABASE: database,
    PGPASSWORD: address.password?.reveal() ?? null,
    PGPASSFILE: address.passwordFile,
    PGSSLMODE: address.tls.mode,
    PGSSLROOTCERT: address.tls.rootCertificate,
    PGSSLCERT: address.tls.certificate,
    PGSSLKEY: address.tls.key,
    PGCONNECT_TIMEOUT: String(Math.ceil(address.connectTimeoutMs / 1000)),
    PGAPPNAME: 'holdfast',
    PGOPTIONS: sessionOptions,
  };
  const entries = [...inherited.map((name) => [name, environment[name] ?? null] as const), ...Object.entries(own)];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null));
}
