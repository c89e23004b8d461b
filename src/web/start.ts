import { call, newKey } from './api.ts';
import { navigate } from './router.ts';
import type { Run } from './shapes.ts';

/** Asks for a run. Once accepted, its page is shown, where it can be followed. */
export async function startRun(path: string, body: unknown = {}): Promise<void> {
  const run = await call<Run>(path, { method: 'POST', body, key: newKey() });
  navigate(`/runs/${run.id}`);
}
