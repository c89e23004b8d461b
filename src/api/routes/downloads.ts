import { z } from 'zod';
import type { ApiContext } from '../api-context.ts';
import type { BackupsList } from '../backups-list.ts';
import { snapshotId } from '../contract.ts';
import { fileOf, partOf } from '../download.ts';
import { Downloads } from '../downloads.ts';
import { bytesOfPath, pathQuery } from '../listed-path.ts';
import { route, type AnyRoute } from '../route.ts';
import { bestOf, copiesOf } from '../sight.ts';

const mediaType = 'application/octet-stream';
const reading = { method: 'GET', needs: 'operator', replies: { 200: mediaType, 206: mediaType, 304: null }, act: 'download' } as const;
const ofSnapshot = { ...reading, group: 'snapshots' } as const;
const storeQuery = { store: z.string().min(1).max(256).optional() };

export function downloadRoutes(context: ApiContext, list: BackupsList): readonly AnyRoute[] {
  const downloads = new Downloads(context);
  return [
    route({
      ...reading,
      path: '/backups/:filename/download',
      id: 'downloadBackup',
      group: 'backups',
      summary: 'Download an archive as it is stored; Range resumes',
      params: z.strictObject({ filename: z.string().min(1).max(500) }),
      handle: async ({ params, principal, header, signal }) => {
        const { facts, planStore } = await list.named(principal, params.filename);
        const [found] = await copiesOf(context, principal, { id: facts.id, store: planStore.name });
        const reply = await downloads.reply(found, partOf(context, found, params.filename), { header, signal });
        return { ...reply, audited: { target: params.filename } };
      },
    }),
    route({
      ...ofSnapshot,
      path: '/api/v1/snapshots/:id/files/:name',
      id: 'downloadPart',
      summary: 'Download a file of a snapshot as it is stored; Range resumes',
      params: z.strictObject({ id: snapshotId, name: z.string().min(1).max(500) }),
      query: z.strictObject(storeQuery),
      handle: async ({ params, query, principal, header, signal }) => {
        const copies = await copiesOf(context, principal, { id: params.id, store: query.store });
        const found = bestOf(copies);
        return await downloads.reply(found, partOf(context, found, params.name), { header, signal });
      },
    }),
    route({
      ...ofSnapshot,
      path: '/api/v1/snapshots/:id/file',
      id: 'downloadFile',
      summary: 'Download one file out of a snapshot, as it was backed up; Range resumes',
      params: z.strictObject({ id: snapshotId }),
      query: z.strictObject({ ...pathQuery, ...storeQuery }),
      handle: async ({ params, query: { store, ...at }, principal, header, signal }) => {
        const found = bestOf(await copiesOf(context, principal, { id: params.id, store }));
        const download = await fileOf(context, found, bytesOfPath(at));
        return await downloads.reply(found, download, { header, signal });
      },
    }),
  ];
}
