import { z } from 'zod';
import type { Principal } from '../../domain/principal.ts';
import type { LiveRun, RunLogEntry } from '../../ports/runner.ts';
import type { ApiContext } from '../api-context.ts';
import { runKey, type StreamEvents } from '../contract.ts';
import type { EventStream } from '../event-stream.ts';
import { EventStreams } from '../event-streams.ts';
import { presentLive } from '../present.ts';
import { route, type AnyRoute } from '../route.ts';
import { runNamed } from '../runs-seen.ts';
import { sees } from '../sight.ts';
import { statusFor } from './status.ts';

const mediaType = 'text/event-stream';

export function eventRoutes(context: ApiContext): readonly AnyRoute[] {
  const streams = new EventStreams();
  return [
    route({
      method: 'GET',
      path: '/api/v1/events',
      id: 'followEverything',
      group: 'status',
      summary: 'Follow the status, every run and what runs log, as server-sent events',
      needs: 'viewer',
      replies: { 200: mediaType },
      handle: async ({ principal, signal }) => {
        const stream = streams.open(principal, signal);
        followEverything(context, principal, stream);
        return stream.reply();
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/runs/:id/events',
      id: 'followRun',
      group: 'runs',
      summary: 'Follow one run to its end, as server-sent events',
      needs: 'viewer',
      params: z.strictObject({ id: runKey }),
      replies: { 200: mediaType },
      handle: async ({ params, principal, signal }) => {
        const known = await runNamed(context, principal, params.id);
        const stream = streams.open(principal, signal);
        const live = context.queue.find(params.id);
        if (live !== undefined && live.state !== 'ended') followLive(context, live, stream);
        else {
          stream.send('run', known.run);
          stream.end();
        }
        return stream.reply();
      },
    }),
  ];
}

function followEverything(context: ApiContext, principal: Principal | null, stream: EventStream): void {
  const { board, queue } = context;
  stream.send('status', statusFor(context, principal));
  const seen = (key: string): boolean => sees(principal, queue.find(key)?.request.plan ?? null);
  stream.whenClosed(board.subscribe((status) => stream.send('status', statusFor(context, principal, status))));
  stream.whenClosed(
    queue.subscribe((live) => {
      if (sees(principal, live.request.plan)) stream.send('run', presentLive(live));
    }),
  );
  stream.whenClosed(
    queue.subscribeToLog((entry) => {
      if (seen(entry.key)) stream.send('log', presentLog(entry));
    }),
  );
}

/** What was logged so far comes first. */
function followLive({ queue }: ApiContext, live: LiveRun, stream: EventStream): void {
  const { key } = live.request;
  stream.send('run', presentLive(live));
  for (const entry of queue.log(key)) stream.send('log', presentLog(entry));
  stream.whenClosed(
    queue.subscribeToLog((entry) => {
      if (entry.key === key) stream.send('log', presentLog(entry));
    }),
  );
  stream.whenClosed(
    queue.subscribe((changed) => {
      if (changed.request.key !== key) return;
      stream.send('run', presentLive(changed));
      if (changed.state === 'ended') stream.end();
    }),
  );
}

function presentLog({ key, at, level, message }: RunLogEntry): StreamEvents['log'] {
  return { runId: key, at: at.toISOString(), level, message };
}
