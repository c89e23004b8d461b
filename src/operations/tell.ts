import { eventGroups, type EventKind, type HoldfastEvent } from '../domain/events.ts';
import type { Plan, PlanChannel } from '../domain/plan.ts';
import { Secret } from '../domain/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { History } from '../ports/history.ts';
import type { Outbox, Trouble } from '../ports/service-state.ts';
import { factsInPages } from './facts-in-pages.ts';

/** What telling needs: whom, and what was told before. */
export interface Telling {
  readonly plans: ReadonlyMap<string, Plan>;
  readonly outbox: Outbox;
  readonly history: Pick<History, 'facts'>;
  readonly clock: Clock;
}

/** A trouble that goes on is told again after so long. */
const repeatMs = 24 * 3_600_000;

const severities = ['info', 'warning', 'critical'] as const satisfies readonly HoldfastEvent['severity'][];

/**
 * Puts into the outbox what is to be sent of an event. A trouble is told when it is new or became worse, then once a day with
 * how often it was seen, and its end once; everything else goes straight out. Told twice rather than not at all, when this
 * ends halfway. Calls for the same subject must follow one another.
 */
export async function tell(event: HoldfastEvent, telling: Telling): Promise<void> {
  if (isTrouble(event.kind)) return await tellTrouble(event, telling);
  if (event.kind.endsWith('-succeeded')) for (const subject of endedBy(event)) await endBySuccess(event, subject, telling);
  await enqueue(event, { count: 1, since: event.at, channels: listeners(event, telling.plans) }, telling);
}

/** True for what lasts until something ends it. */
function isTrouble(kind: EventKind): boolean {
  return kind !== 'recovered' && kind !== 'test' && (eventGroups.problems as readonly EventKind[]).includes(kind);
}

async function tellTrouble(event: HoldfastEvent, telling: Telling): Promise<void> {
  const { outbox, clock, plans } = telling;
  const known = await outbox.trouble(event.plan, event.subject);
  const { since, count } = known === undefined ? { since: event.at, count: 1 } : { since: known.since, count: known.count + 1 };
  const isTold = known === undefined || isDue(known, event, clock.now());
  if (isTold) await enqueue(event, { count, since, channels: listeners(event, plans) }, telling);
  const { plan, subject } = event;
  await outbox.recordTrouble({ plan, subject, since, count, toldAt: isTold ? clock.now() : known.toldAt, event });
}

/** Whether a trouble that is known is to be told again. */
export function isDue({ toldAt, event: told }: Trouble, event: Pick<HoldfastEvent, 'severity'>, now: Date): boolean {
  return severities.indexOf(event.severity) > severities.indexOf(told.severity) || now.getTime() - toldAt.getTime() >= repeatMs;
}

/** The trouble itself, the verb's when it could not even begin, and a time of it that was missed. */
function endedBy({ subject, run }: HoldfastEvent): ReadonlySet<string> {
  const verb = run?.verb ?? subject;
  return new Set([subject, verb, `schedule:${verb}`]);
}

/** One sound snapshot does not make another one sound in the same store. */
async function endBySuccess({ plan, run }: HoldfastEvent, subject: string, telling: Telling): Promise<void> {
  const store = /^verify:(.*)$/u.exec(subject)?.[1];
  if (run?.verb === 'verify' && store !== undefined && plan !== null) {
    for await (const { verification } of factsInPages(telling.history, { plan, store })) if (verification.kind === 'failed') return;
  }
  await endTrouble(plan, subject, telling);
}

/** Ends a trouble, when there is one, and tells so those who were told of it. */
export async function endTrouble(plan: string | null, subject: string, telling: Telling): Promise<void> {
  const trouble = await telling.outbox.trouble(plan, subject);
  if (trouble === undefined) return;
  const { title, kind } = trouble.event;
  const event: HoldfastEvent = {
    kind: 'recovered',
    plan,
    at: telling.clock.now(),
    severity: 'info',
    subject,
    title: `Over: ${title}`,
    message: `This is over: ${title}`,
    action: null,
    atRiskSince: null,
    run: null,
  };
  const told = listeners(event, telling.plans).filter(({ channel }) => channel.events.includes(kind));
  await enqueue(event, { count: trouble.count, since: trouble.since, channels: told }, telling);
  await telling.outbox.endTrouble(plan, subject);
}

interface Listener {
  readonly plan: string;
  readonly channel: PlanChannel;
}

/** Who is told: the plan's channels that want it; for what concerns no plan, those of all plans, each place once. */
function listeners(event: HoldfastEvent, plans: ReadonlyMap<string, Plan>): readonly Listener[] {
  const concerned = event.plan === null ? [...plans.values()] : [plans.get(event.plan)].filter((plan) => plan !== undefined);
  const wanting = concerned.flatMap(({ name, notify }) =>
    notify.filter((channel) => channel.events.includes(event.kind)).map((channel) => ({ plan: name, channel })),
  );
  if (event.plan === null) return oncePerPlace(wanting);
  // Nobody can be told by a channel that it does not work.
  return event.subject.startsWith('channel:') ? wanting.filter(({ channel }) => `channel:${channel.name}` !== event.subject) : wanting;
}

function oncePerPlace(wanting: readonly Listener[]): readonly Listener[] {
  const byPlace = new Map<string, Listener>();
  for (const listener of wanting) {
    const place = placeOf(listener);
    if (!byPlace.has(place)) byPlace.set(place, listener);
  }
  return [...byPlace.values()];
}

/** Two plans may name the same place in the same words; an address that cannot be had is only like itself. */
function placeOf({ plan, channel: { kind, name, config } }: Listener): string {
  try {
    return JSON.stringify([kind, config], function (this: Record<string, unknown>, key: string, value: unknown) {
      const raw = this[key];
      return raw instanceof Secret ? raw.reveal() : value;
    });
  } catch {
    return JSON.stringify([plan, name]);
  }
}

interface Tidings {
  readonly count: number;
  readonly since: Date;
  readonly channels: readonly Listener[];
}

async function enqueue(event: HoldfastEvent, { count, since, channels }: Tidings, { outbox, clock }: Telling): Promise<void> {
  for (const { plan, channel } of channels) await outbox.enqueue({ plan, channel: channel.name, event, count, since, dueAt: clock.now() });
}
