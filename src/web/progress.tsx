import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { now } from './clock.ts';
import type { Run } from './shapes.ts';
import { bytesInWords, durationInWords, verbInWords } from './words.ts';

const saidEveryMs = 5000;

/** How far a run is, with its rate and the time that is left. Read out at most every five seconds. */
export function Progress({ run }: { readonly run: Run }): JSX.Element {
  const { progress } = run;
  const share =
    progress === null || progress.totalBytes === null ? null : Math.min(1, progress.doneBytes / Math.max(1, progress.totalBytes));
  const label = run.state === 'waiting' ? 'Waiting for its turn' : (progress?.label ?? 'Starting');
  const figures = progress === null ? '' : figuresOf(progress);
  return (
    <div class="progress">
      <div class="progress-words">
        <span>{label}</span>
        <span class="figures">{figures}</span>
      </div>
      <progress aria-label={`${verbInWords(run.verb)}: ${label}`} max={1} {...(share === null ? {} : { value: share })} />
      <Spoken text={`${label}${share === null ? '' : `, ${Math.floor(share * 100)} percent`}`} />
    </div>
  );
}

function figuresOf({ doneBytes, totalBytes, bytesPerSecond }: NonNullable<Run['progress']>): string {
  const done = totalBytes === null ? bytesInWords(doneBytes) : `${bytesInWords(doneBytes)} of ${bytesInWords(totalBytes)}`;
  if (bytesPerSecond === null || bytesPerSecond <= 0) return done;
  const left = totalBytes === null ? '' : ` · ${durationInWords((Math.max(0, totalBytes - doneBytes) / bytesPerSecond) * 1000)} left`;
  return `${done} · ${bytesInWords(bytesPerSecond)}/s${left}`;
}

function Spoken({ text }: { readonly text: string }): JSX.Element {
  const [said, setSaid] = useState(text);
  const last = useRef(0);
  useEffect(() => {
    const waitMs = Math.max(0, last.current + saidEveryMs - now().getTime());
    const timer = setTimeout(() => {
      last.current = now().getTime();
      setSaid(text);
    }, waitMs);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <span class="unseen" aria-live="polite">
      {said}
    </span>
  );
}
