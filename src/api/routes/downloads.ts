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

export function downloadRoutes(context: ApiContext, list: BackupsList): readonly AnyRoute[] {
  const downloads = new Downloads(context);
  return [
    route({
      method: 'GET',
      path: '/backups/:filename/download',
      id: 'downloadBackup',
      group: 'backups',
      summary: 'Download an archive as it is stored; Range resumes',
      needs: 'operator',
      params: z.strictObject({ filename: z.string().min(1).max(500) }),
      replies: { 200: mediaType, 206: mediaType, 304: null },
      act: 'download',
      handle: async ({ params, principal, header, signal }) => {
        const { facts, planStore } = await list.named(principal, params.filename);
        const [found] = await copiesOf(context, principal, { id: facts.id, store: planStore.name });
        const reply = await downloads.reply(found, partOf(found, params.filename), { header, signal });
        return { ...reply, audited: { target: params.filename } };
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/snapshots/:id/files/:name',
      id: 'downloadPart',
      group: 'snapshots',
      summary: 'Download a file of a snapshot as it is stored; Range resumes',
      needs: 'operator',
      params: z.strictObject({ id: snapshotId, name: z.string().min(1).max(500) }),
      query: z.strictObject({ store: z.string().min(1).max(256).optional() }),
      replies: { 200: mediaType, 206: mediaType, 304: null },
      act: 'download',
      handle: async ({ params, query, principal, header, signal }) => {
        const copies = await copiesOf(context, principal, { id: params.id, store: query.store });
        const found = bestOf(copies);
        return await downloads.reply(found, partOf(found, params.name), { header, signal });
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/snapshots/:id/file',
      id: 'downloadFile',
      group: 'snapshots',
      summary: 'Download one file out of a snapshot, as it was backed up; Range resumes',
      needs: 'operator',
      params: z.strictObject({ id: snapshotId }),
      query: z.strictObject({ ...pathQuery, store: z.string().min(1).max(256).optional() }),
      replies: { 200: mediaType, 206: mediaType, 304: null },
      act: 'download',
      handle: async ({ params, query: { store, ...at }, principal, header, signal }) => {
        const found = bestOf(await copiesOf(context, principal, { id: params.id, store }));
        const download = await fileOf(context, found, bytesOfPath(at));
        return await downloads.reply(found, download, { header, signal });
      },
    }),
  ];
}
