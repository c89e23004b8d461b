import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiError } from './api.ts';
import { now } from './clock.ts';
import { Icon, type IconName } from './icons.tsx';
import { hrefOf } from './router.ts';
import type { Shown } from './states.ts';
import { agoInWords, fullInstant } from './words.ts';

export function Pill({ shown }: { readonly shown: Shown }): JSX.Element {
  return (
    <span class={`pill ${shown.tone}`}>
      <Icon name={shown.icon} size={15} />
      {shown.word}
    </span>
  );
}

/** `6 hours ago`, the whole date on hover; grows older by itself. */
export function Ago({ at, none = 'never' }: { readonly at: string | null | undefined; readonly none?: string }): JSX.Element {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 30_000);
    return () => clearInterval(timer);
  }, []);
  if (at === null || at === undefined) return <span>{none}</span>;
  return (
    <time dateTime={at} title={fullInstant(at)}>
      {agoInWords(at, now())}
    </time>
  );
}

interface ButtonProps {
  readonly children: ComponentChildren;
  readonly onClick?: () => void;
  readonly icon?: IconName;
  readonly kind?: 'primary' | 'plain' | 'danger' | 'quiet';
  readonly busy?: boolean;
  readonly type?: 'button' | 'submit';
  /** Why it cannot be pressed now: shown beside it, and read out. */
  readonly blocked?: string | null;
}

export function Button({
  children,
  onClick,
  icon,
  kind = 'plain',
  busy = false,
  type = 'button',
  blocked = null,
}: ButtonProps): JSX.Element {
  const isOff = busy || blocked !== null;
  return (
    <button
      type={type}
      class={`button ${kind}`}
      aria-disabled={isOff}
      aria-busy={busy}
      title={blocked ?? undefined}
      onClick={(event) => {
        if (isOff) event.preventDefault();
        else onClick?.();
      }}
    >
      {icon === undefined ? null : <Icon name={icon} size={17} />}
      <span>{children}</span>
      {blocked === null ? null : <span class="unseen">, not now: {blocked}</span>}
    </button>
  );
}

export function Trouble({ error, retry }: { readonly error: ApiError | undefined; readonly retry?: () => void }): JSX.Element | null {
  if (error === undefined) return null;
  return (
    <div class="notice bad" role="alert">
      <Icon name="critical" />
      <div>
        <p class="notice-title">{error.message}</p>
        {error.findings.map((finding) => (
          <p key={finding}>{finding}</p>
        ))}
        <p>{error.hint}</p>
        {retry === undefined ? null : (
          <Button kind="quiet" onClick={retry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

export function Loading(): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="unseen">Loading</span>
      <span />
      <span />
      <span />
    </div>
  );
}

export function Empty({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}

interface PageProps {
  readonly title: string;
  /** A page above this one. */
  readonly up?: { readonly to: string; readonly name: string };
  readonly lead?: ComponentChildren;
  readonly aside?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Page({ title, up, lead, aside, actions, children }: PageProps): JSX.Element {
  useEffect(() => {
    document.title = `${title} · Holdfast`;
  }, [title]);
  return (
    <>
      <header class="page-head">
        {up === undefined ? null : (
          <a class="up" href={hrefOf(up.to)}>
            <Icon name="left" size={16} />
            {up.name}
          </a>
        )}
        <div class="page-title">
          <h1 tabIndex={-1}>{title}</h1>
          {aside}
        </div>
        {lead === undefined ? null : <div class="lead">{lead}</div>}
        {actions === undefined ? null : <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

interface SectionProps {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Section({ title, note, children }: SectionProps): JSX.Element {
  return (
    <section class="section">
      <div class="section-head">
        <h2>{title}</h2>
        {note === undefined ? null : <div class="note">{note}</div>}
      </div>
      {children}
    </section>
  );
}

interface MeterProps {
  readonly label: string;
  /** From 0 to 1. */
  readonly share: number;
  readonly tone: 'good' | 'bad' | 'calm';
  /** What it says, for those who cannot see it. */
  readonly words: string;
}

export function Meter({ label, share, tone, words }: MeterProps): JSX.Element {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <div
      class={`meter ${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={words}
    >
      <i style={{ width: `${percent}%` }} />
    </div>
  );
}

/** Term and value, side by side where there is room. */
export function Facts({ rows }: { readonly rows: readonly (readonly [string, ComponentChildren] | null)[] }): JSX.Element {
  return (
    <dl class="facts">
      {rows.map((row) =>
        row === null ? null : (
          <div key={row[0]}>
            <dt>{row[0]}</dt>
            <dd>{row[1]}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** The browser's own modal: it keeps the focus, closes by Escape, and gives the focus back. */
export function Dialog({ title, onClose, children }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    const opener = document.activeElement;
    shown?.showModal();
    return () => {
      shown?.close();
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="dialog-title" onCancel={onClose} onClose={onClose}>
      <div class="dialog-head">
        <h2 id="dialog-title">{title}</h2>
        <button type="button" class="round" aria-label="Close" onClick={onClose}>
          <Icon name="cross" />
        </button>
      </div>
      {children}
    </dialog>
  );
}

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly children: (ids: { readonly id: string; readonly 'aria-describedby'?: string }) => JSX.Element;
}

export function Field({ label, hint, children }: FieldProps): JSX.Element {
  const id = `field-${label.toLowerCase().replaceAll(/[^a-z]+/gu, '-')}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(hint === undefined ? { id } : { id, 'aria-describedby': `${id}-hint` })}
      {hint === undefined ? null : (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

interface DownloadLinkProps {
  /** Below `api/v1/`. */
  readonly href: string;
  readonly name: string;
}

export function DownloadLink({ href, name }: DownloadLinkProps): JSX.Element {
  return (
    <a class="round" href={`api/v1/${href}`} download={name} aria-label={`Download ${name}`}>
      <Icon name="download" size={18} />
    </a>
  );
}

/** Text to take along: a command, a token. */
export function Copyable({ text, label }: { readonly text: string; readonly label: string }): JSX.Element {
  const [said, setSaid] = useState('');
  // Without HTTPS a page may not write to the clipboard; the text can still be selected.
  const mayCopy = isSecureContext;
  return (
    <div class="copyable">
      <pre tabIndex={0} aria-label={label}>
        <code>{text}</code>
      </pre>
      {mayCopy ? (
        <button
          type="button"
          class="round"
          aria-label={`Copy: ${label}`}
          onClick={() => {
            navigator.clipboard.writeText(text).then(
              () => setSaid('Copied'),
              () => setSaid('Could not copy'),
            );
          }}
        >
          <Icon name={said === 'Copied' ? 'check' : 'copy'} size={18} />
        </button>
      ) : null}
      <span class="unseen" aria-live="polite">
        {said}
      </span>
    </div>
  );
}
