import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { now } from './clock.ts';
import type { Series } from './shapes.ts';
import { outcomeShown, type Tone } from './states.ts';
import { counted, dayInWords, instantInWords } from './words.ts';

type Point = Series['points'][number];
const dayMs = 86_400_000;

interface Day {
  readonly label: string;
  readonly tone: Tone;
  readonly told: string;
}

/** One cell a day, its colour and its shape that of the day's worst run: what a status page shows. */
export function Timeline({ points, days }: { readonly points: readonly Point[]; readonly days: number }): JSX.Element {
  const cells = daysOf(points, days, now());
  const good = cells.filter(({ tone }) => tone === 'good').length;
  const bad = cells.filter(({ tone }) => tone === 'bad').length;
  const summary = `${counted(days, 'day')}: ${good} good, ${bad} with a failure`;
  return (
    <Readable
      count={cells.length}
      label={`Timeline. ${summary}`}
      told={(index) => `${cells[index]?.label}: ${cells[index]?.told}`}
      ends={[`${days} days ago`, 'today']}
    >
      {(chosen) => (
        <div class="timeline" aria-hidden="true">
          {cells.map((cell, index) => (
            <i key={cell.label} class={`${cell.tone}${index === chosen ? ' chosen' : ''}`} data-index={index} />
          ))}
        </div>
      )}
    </Readable>
  );
}

function daysOf(points: readonly Point[], count: number, today: Date): readonly Day[] {
  const byDay = new Map<string, Point[]>();
  for (const point of points) {
    const key = new Date(point.at).toDateString();
    byDay.set(key, [...(byDay.get(key) ?? []), point]);
  }
  return Array.from({ length: count }, (_, index) => {
    const day = new Date(today.getFullYear(), today.getMonth(), today.getDate() - (count - 1 - index));
    return dayOf(day, byDay.get(day.toDateString()) ?? []);
  });
}

const worstFirst = ['failed', 'degraded', 'cancelled', 'skipped', 'succeeded'] as const;

function dayOf(day: Date, points: readonly Point[]): Day {
  const label = dayInWords(day);
  const counts = worstFirst
    .map((outcome) => ({ outcome, count: points.filter((point) => point.outcome === outcome).length }))
    .filter(({ count }) => count > 0);
  const worst = counts[0];
  if (worst === undefined) return { label, tone: 'quiet', told: 'no run' };
  const told = counts
    .map(({ outcome, count }) => `${count === 1 ? '' : `${count} × `}${outcomeShown(outcome).word.toLowerCase()}`)
    .join(', ');
  return { label, tone: outcomeShown(worst.outcome).tone, told };
}

interface ChartProps {
  readonly title: string;
  readonly points: readonly { readonly at: string; readonly value: number }[];
  readonly words: (value: number) => string;
  /** A line across that values are to stay under. */
  readonly goal?: number | null;
}

const height = 120;
const width = 600;

/** A figure over time: a line over its area, read with the mouse, with arrow keys, or as a table by a screen reader. */
export function Chart({ title, points, words, goal = null }: ChartProps): JSX.Element {
  const newest = points.at(-1);
  if (newest === undefined || points.length < 2) return <NoChart title={title} value={newest === undefined ? null : words(newest.value)} />;
  const top = Math.max(...points.map(({ value }) => value), goal ?? 0) * 1.12 || 1;
  const start = Date.parse(points[0]?.at ?? newest.at);
  const span = Math.max(dayMs / 24, Date.parse(newest.at) - start);
  const spots = points.map(({ at, value }) => [((Date.parse(at) - start) / span) * width, height - (value / top) * height] as const);
  const line = spots.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  return (
    <figure class="chart">
      <Readable
        count={points.length}
        label={`${title}: ${counted(points.length, 'value')}, newest ${words(newest.value)}`}
        told={(index) => `${words(points[index]?.value ?? 0)} · ${instantInWords(points[index]?.at ?? newest.at)}`}
        head={{ title, rest: words(newest.value) }}
        ends={[dayInWords(new Date(start)), dayInWords(new Date(newest.at))]}
      >
        {(chosen) => (
          <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
            <polygon points={`0,${height} ${line} ${width},${height}`} class="area" />
            <polyline points={line} class="line" />
            {goal === null ? null : <path d={`M0 ${height - (goal / top) * height}H${width}`} class="goal" />}
            {chosen === null ? null : <path d={`M${spots[chosen]?.[0] ?? 0} 0V${height}`} class="cursor" />}
          </svg>
        )}
      </Readable>
      <table class="unseen">
        <caption>{title}</caption>
        <tbody>
          {points.map(({ at, value }) => (
            <tr key={at}>
              <th scope="row">{instantInWords(at)}</th>
              <td>{words(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

function NoChart({ title, value }: { readonly title: string; readonly value: string | null }): JSX.Element {
  return (
    <div class="chart">
      <div class="readout">
        <span class="readout-title">{title}</span>
        <span class="readout-value">{value ?? '–'}</span>
      </div>
      <p class="empty small">The line starts with the second run.</p>
    </div>
  );
}

interface ReadableProps {
  readonly count: number;
  readonly label: string;
  readonly told: (index: number) => string;
  /** Above the drawing; what is pointed at is told there, or else below. `rest`: while nothing is. */
  readonly head?: { readonly title: string; readonly rest: string };
  readonly ends: readonly [first: string, last: string];
  readonly children: (chosen: number | null) => JSX.Element;
}

/** Lets a drawing be read point by point: by pointing at it, or with the arrow keys. */
function Readable({ count, label, told, head, ends, children }: ReadableProps): JSX.Element {
  const [chosen, setChosen] = useState<number | null>(null);
  const move = (event: KeyboardEvent) => {
    const next = { ArrowLeft: (chosen ?? count) - 1, ArrowRight: (chosen ?? count - 2) + 1, Home: 0, End: count - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setChosen(Math.min(count - 1, Math.max(0, next)));
  };
  const point = (event: PointerEvent & { readonly currentTarget: HTMLElement }) => {
    const box = event.currentTarget.getBoundingClientRect();
    const under = event.target instanceof HTMLElement ? event.target.dataset['index'] : undefined;
    const share = (event.clientX - box.left) / Math.max(1, box.width);
    setChosen(under === undefined ? Math.min(count - 1, Math.max(0, Math.round(share * (count - 1)))) : Number(under));
  };
  return (
    <div class="drawing">
      {head === undefined ? null : (
        <div class="readout">
          <span class="readout-title">{head.title}</span>
          <span class="readout-value" aria-live="polite">
            {chosen === null ? head.rest : told(chosen)}
          </span>
        </div>
      )}
      <div
        class="readable"
        role="group"
        tabIndex={0}
        aria-label={`${label}. Arrow keys read it`}
        onKeyDown={move}
        onPointerMove={point}
        onPointerLeave={() => setChosen(null)}
        onBlur={() => setChosen(null)}
      >
        {children(chosen)}
      </div>
      <div class="axis" aria-live="polite">
        {head === undefined && chosen !== null ? (
          <span class="readout-value">{told(chosen)}</span>
        ) : (
          ends.map((end) => (
            <span key={end} aria-hidden="true">
              {end}
            </span>
          ))
        )}
      </div>
    </div>
  );
}
