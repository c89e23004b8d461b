import { HoldfastError, isHoldfastError } from '../../domain/errors.ts';
import { type Invocation, runProgram } from './client-process.ts';
import { type ClientSearch, findInstallations, parseVersion } from './clients.ts';

/** PostgreSQL's client programs of one version, on this machine or in a container. */
export interface ClientPrograms {
  /** `15.18 (Debian 15.18-0+deb12u1)`. */
  readonly version: string;
  readonly major: number;
  invocation(program: ClientProgram, args: readonly string[], environment: Readonly<Record<string, string>>): Invocation;
}

export type ClientProgram = 'pg_dump' | 'pg_dumpall';

/** Every version installed on this machine. */
export async function localPrograms(search: ClientSearch): Promise<readonly ClientPrograms[]> {
  const installations = await findInstallations('pg_dump', search);
  return installations.map(({ directory, major, version }) => ({
    major,
    version,
    invocation: (program, args, environment) => ({ file: `${directory}/${program}`, args, environment: { ...environment } }),
  }));
}

/** What is in the container. Throws `TOOL_MISSING` when the container is not there, does not run or has no pg_dump. */
export async function containerPrograms(container: string, docker: Docker, signal: AbortSignal): Promise<readonly ClientPrograms[]> {
  const invocation: ClientPrograms['invocation'] = (program, args, environment) => docker.exec(container, [program, ...args], environment);
  const output = await runProgram(invocation('pg_dump', ['--version'], {}), signal).catch((cause: unknown) => {
    if (isHoldfastError(cause, 'CANCELLED')) throw cause;
    throw new HoldfastError(
      'TOOL_MISSING',
      `Cannot run pg_dump in the container "${container}": ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        hint: `Check that the container runs and has pg_dump: docker exec ${container} pg_dump --version`,
        cause,
      },
    );
  });
  const found = parseVersion(output);
  return found === null ? [] : [{ ...found, invocation }];
}

/** The docker client, with the environment it needs to find its daemon. */
export class Docker {
  readonly #environment: Readonly<Record<string, string>>;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    const entries = Object.entries(environment).filter(([name]) => /^(PATH|HOME|XDG_RUNTIME_DIR|SSH_AUTH_SOCK|DOCKER_\w+)$/.test(name));
    this.#environment = Object.fromEntries(entries) as Record<string, string>;
  }

  /** Runs a command inside; values of `environment` travel by environment, so that no password stands in arguments. */
  exec(container: string, command: readonly string[], environment: Readonly<Record<string, string>>): Invocation {
    const names = Object.keys(environment).filter((name) => name.startsWith('PG') || name === 'LC_ALL');
    const given = Object.fromEntries(names.map((name) => [name, environment[name] ?? '']));
    return {
      file: 'docker',
      args: ['exec', '-i', ...names.flatMap((name) => ['-e', name]), container, 'sh', '-c', endWithClient, 'sh', ...command],
      environment: { ...this.#environment, ...given },
      keepStdinOpen: true,
    };
  }

  /** Joins its standard input and output with a port inside the container. */
  tunnel(container: string, host: string, port: number): Invocation {
    return {
      file: 'docker',
      args: ['exec', '-i', container, 'sh', '-c', connectByShell, host, String(port)],
      environment: this.#environment,
      keepStdinOpen: true,
    };
  }
}

/*
 * What runs inside must wait for each of its own processes. One that outlives its parent becomes a child of the container's
 * first process, and in images of PostgreSQL that is the server: of a child that it does not know and that a signal ended
 * it believes that a session crashed, throws out every other one and starts anew (CleanupBackend,
 * postgres src/backend/postmaster/postmaster.c).
 */

/**
 * Docker lets a program go on when the client that started it dies (moby issue 9098). Standard input ends then, and with
 * it the program. The background job needs a descriptor of its own, since shells take a job's standard input away.
 */
const endWithClient =
  'exec 3<&0; "$@" </dev/null 3<&- & p=$!; (while read -r _; do :; done; kill "$p") <&3 >/dev/null 2>&1 & w=$!; exec 3<&-; wait "$p"; s=$?; { kill "$w"; wait "$w"; } 2>/dev/null; exit "$s"';

/** Whichever side ends, the other is told: nothing else would, since both ends of the connection are held by both directions. */
const joinByBash = 'exec 3<>"/dev/tcp/$0/$1" 4<&0; cat <&3 & cat <&4 >&3 & { wait -n; kill $(jobs -p); wait; } 2>/dev/null';

/** Images with bash have its /dev/tcp; those without have busybox. */
const connectByShell = `if command -v bash >/dev/null; then exec bash -c '${joinByBash}' "$0" "$1"; else exec nc "$0" "$1"; fi`;
