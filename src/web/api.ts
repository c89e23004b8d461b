import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from './shapes.ts';

/** What the service refused, in its own words. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  readonly findings: readonly string[];
  readonly #pointers: ReadonlySet<string>;

  constructor(status: number, problem: Pick<Problem, 'detail' | 'code' | 'hint' | 'errors'>) {
    super(problem.detail);
    this.status = status;
    this.code = problem.code;
    this.hint = problem.hint;
    this.findings = (problem.errors ?? []).map(({ pointer, detail }) => `${pointer}: ${detail}`);
    this.#pointers = new Set(problem.errors?.map(({ pointer }) => pointer));
  }

  /** True when this part of the request is what was wrong: `/body/code`. */
  concerns(pointer: string): boolean {
    return this.#pointers.has(pointer);
  }
}

let csrf: string | null = null;
const onSignedOut = new Set<() => void>();

/** Told by `GET me`; every request that changes something carries it. */
export function keepCsrf(token: string | null): void {
  csrf = token;
}

/** Calls when the service no longer knows who is there. */
export function whenSignedOut(listener: () => void): () => void {
  onSignedOut.add(listener);
  return () => onSignedOut.delete(listener);
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  /** For acts that must happen once: the same key twice is one act. */
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/** One request to the versioned API; `path` is below `api/v1/`. Throws `ApiError`. */
export async function call<Reply>(path: string, { method = 'GET', body, key, signal }: Call = {}): Promise<Reply> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && csrf !== null) headers['X-CSRF-Token'] = csrf;
  if (key !== undefined) headers['Idempotency-Key'] = key;
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-cache' };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (signal !== undefined) init.signal = signal;
  const response = await fetch(`api/v1/${path}`, init).catch((error: unknown) => {
    if (signal?.aborted === true) throw error;
    throw unreachable();
  });
  if (!response.ok) throw await problemOf(response);
  return (response.status === 204 ? undefined : await response.json()) as Reply;
}

function unreachable(): ApiError {
  return new ApiError(0, {
    code: 'UNREACHABLE',
    detail: 'The service cannot be reached',
    hint: 'Look whether the machine is on and holdfast serve runs there; this page goes on by itself when it is back.',
  });
}

async function problemOf(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => null)) as Problem | null;
  if (response.status === 401 && problem?.code !== 'SIGN_IN_FAILED') onSignedOut.forEach((listener) => listener());
  return new ApiError(response.status, {
    code: problem?.code ?? `HTTP_${response.status}`,
    detail: problem?.detail ?? `The service answered with ${response.status} ${response.statusText}`,
    hint: problem?.hint ?? 'Try again; when it stays so, look into the log of the service.',
    ...(problem?.errors === undefined ? {} : { errors: problem.errors }),
  });
}

/** Random and unguessable, also where the page came over plain HTTP and `randomUUID` is missing. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export interface Loaded<Data> {
  readonly data: Data | undefined;
  readonly error: ApiError | undefined;
  readonly reload: () => void;
}

/** Data of one path, asked for anew when the path changes; what was shown stays until the answer is there. Null: nothing is asked. */
export function useLoaded<Data>(path: string | null): Loaded<Data> {
  const [shown, setShown] = useState<{ readonly path: string; readonly data: Data } | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    call<Data>(path, { signal: abort.signal }).then(
      (data) => {
        setShown({ path, data });
        setError(undefined);
      },
      (reason: unknown) => {
        if (!abort.signal.aborted) setError(asApiError(reason));
      },
    );
    return () => abort.abort();
  }, [path, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { data: shown?.path === path ? shown?.data : undefined, error, reload };
}

export function asApiError(reason: unknown): ApiError {
  if (reason instanceof ApiError) return reason;
  const detail = reason instanceof Error ? reason.message : String(reason);
  return new ApiError(0, { code: 'INTERNAL', detail, hint: 'Load the page anew; when it stays so, please report it.' });
}

export interface Act {
  readonly busy: boolean;
  readonly error: ApiError | undefined;
  readonly run: (work: () => Promise<void>) => void;
  readonly clear: () => void;
}

/** Something a person sets going: one at a time, its refusal kept for showing. */
export function useAct(): Act {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | undefined>();
  const alive = useRef(true);
  useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
    };
  }, []);
  const run = (work: () => Promise<void>) => {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    work()
      .catch((reason: unknown) => alive.current && setError(asApiError(reason)))
      .finally(() => alive.current && setBusy(false));
  };
  return { busy, error, run, clear: () => setError(undefined) };
}
