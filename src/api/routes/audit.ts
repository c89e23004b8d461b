import { z } from 'zod';
import type { AuditEntry } from '../../ports/service-state.ts';
import type { AccessContext } from '../auth/access-context.ts';
import { requireWholeLeave } from '../auth/whole-leave.ts';
import { auditEntry, page } from '../contract.ts';
import { pageOf, pageQuery, placeOf } from '../cursors.ts';
import { type AnyRoute, route } from '../route.ts';

const place = z.strictObject({ id: z.string().regex(/^\d{1,15}$/u) });
const auditPage = page('AuditPage', auditEntry);

/** Who did what, and what was refused. */
export function auditRoutes({ state }: AccessContext): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/audit',
      id: 'listAudit',
      group: 'access',
      summary: 'Every act, sign-in and refusal, newest first',
      needs: 'administrator',
      query: z.object({
        ...pageQuery,
        actor: z.string().min(1).max(200).optional(),
        act: z.string().min(1).max(100).optional(),
      }),
      replies: { 200: auditPage },
      handle: async ({ principal, query: { limit, before, actor, act } }) => {
        requireWholeLeave(principal);
        const from = placeOf(before, place);
        const found = await state.audit.entries({
          limit: limit + 1,
          ...(from !== undefined && { before: from.id }),
          ...(actor !== undefined && { actor }),
          ...(act !== undefined && { act }),
        });
        const { items, next } = pageOf(found, limit, ({ id }) => ({ id }));
        return { status: 200, body: { items: items.map(shownEntry), next } };
      },
    }),
  ];
}

function shownEntry({ actorKind: _, at, ...entry }: AuditEntry): z.infer<typeof auditEntry> {
  return { ...entry, at: at.toISOString(), details: { ...entry.details } };
}
