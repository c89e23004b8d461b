import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fuzz } from '../fixtures/api-fuzz.ts';
import { install, type Listed } from './holdfast.ts';
import { serve } from './service.ts';

test('nothing that anybody sends makes the service fail, gets past its doors, or is answered otherwise than promised', async () => {
  await using machine = await install();
  const notes = join(machine.directory, 'notes');
  await mkdir(notes);
  await writeFile(join(notes, 'a.txt'), 'dear diary');
  await machine.configure(
    `plans: { home: { sources: [{ kind: files, paths: [${notes}] }], stores: [{ kind: local, path: ${machine.store} }] } }\n`,
  );
  await machine.json(['backup']);
  const [snapshot] = await machine.json<Listed[]>(['list']);
  await using service = await serve(machine);
  const callers = {
    public: {},
    viewer: await service.as('viewer'),
    operator: await service.as('operator'),
    administrator: await service.as('administrator'),
  };
  const runs = (await (await fetch(`${service.url}/api/v1/runs`, { headers: callers.viewer })).json()) as { items: { id: string }[] };
  expect(runs.items).not.toEqual([]);
  const known = {
    plan: ['home'],
    snapshot: [snapshot?.id ?? ''],
    store: [snapshot?.store ?? ''],
    name: [snapshot?.parts[0] ?? '', snapshot?.store ?? ''],
    filename: snapshot?.parts ?? [],
    id: [snapshot?.id ?? '', ...runs.items.map(({ id }) => id)],
  };
  const forPeople = ['beginSingleSignOn', 'finishSingleSignOn'];
  const result = await fuzz({ url: service.url, callers, known, count: 6, seed: 20_261_121, forPeople });
  expect(result.faults).toEqual([]);
  expect(result.operations.length).toBeGreaterThan(50);
  expect(Object.keys(result.statuses)).toEqual(expect.arrayContaining(['200', '201', '202', '400', '401', '403', '404', '409']));
  expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
  expect(service.process.isRunning).toBe(true);
});
