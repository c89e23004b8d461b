import type { JSX } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { AccountPage } from './account.tsx';
import { AlertsPage } from './alerts.tsx';
import { type ApiError, asApiError, call, keepCsrf, whenSignedOut } from './api.ts';
import { AuditPage } from './audit.tsx';
import { Lazy } from './lazy.tsx';
import { Navigation } from './navigation.tsx';
import { Overview } from './overview.tsx';
import { PeoplePage } from './people.tsx';
import { PlanPage } from './plan.tsx';
import { RestorePage } from './restore.tsx';
import { match, navigate, usePath } from './router.ts';
import { RunPage } from './run.tsx';
import { RunsPage, SnapshotsPage } from './lists.tsx';
import { SessionContext } from './session.ts';
import { SettingsPage } from './settings.tsx';
import type { Me, Run, Status } from './shapes.ts';
import { SetupPage, SignInPage } from './sign-in.tsx';
import { SnapshotPage } from './snapshot.tsx';
import { StoresPage } from './stores.tsx';
import { useStream } from './stream.ts';
import { Empty, Loading, Page, Trouble } from './ui.tsx';

interface Opened {
  readonly me: Me;
  readonly status: Status;
}

/** Who is there decides what is shown: the door, or the dashboard with a stream that keeps it true. */
export function App(): JSX.Element {
  const path = usePath();
  const [opened, setOpened] = useState<Opened | null | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  const [live, setLive] = useState<ReadonlyMap<string, Run>>(new Map());
  const refresh = useCallback(() => {
    load().then(
      (loaded) => {
        setOpened(loaded);
        // What ended while nobody listened is not going on any more.
        setLive(new Map());
        setError(undefined);
      },
      (reason: unknown) => (asApiError(reason).status === 401 ? setOpened(null) : setError(asApiError(reason))),
    );
  }, []);
  useEffect(refresh, []);
  useEffect(() => whenSignedOut(() => setOpened(null)), []);
  useStream(
    opened ? 'events' : null,
    {
      status: (status) => setOpened((before) => (before ? { ...before, status } : before)),
      run: (run) => setLive((before) => withRun(before, run)),
    },
    refresh,
  );
  useFocusOnNavigation(path);
  const signOut = useCallback(() => {
    const leave = () => {
      setOpened(null);
      navigate('/');
    };
    call('session', { method: 'DELETE' }).then(leave, leave);
  }, []);
  if (path === '/setup') return <SetupPage onSignedIn={refresh} />;
  if (path === '/docs') return <Lazy load={async () => (await import('./docs.tsx')).DocsPage} />;
  if (opened === null)
    return <SignInPage onSignedIn={() => (path === '/sign-in' ? navigate('/', { replace: true }) : undefined, refresh())} />;
  if (opened === undefined) {
    return (
      <main class="gate" id="main">
        {error === undefined ? <Loading /> : <Trouble error={error} retry={refresh} />}
      </main>
    );
  }
  return (
    <SessionContext.Provider value={{ ...opened, live, refresh }}>
      <div class="frame">
        <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>('h1')?.focus()}>
          Skip to the content
        </button>
        <Navigation path={path} me={opened.me} alerts={opened.status.alerts.length} />
        <main id="main" class="content">
          {error === undefined ? null : <Trouble error={error} retry={refresh} />}
          <Routed path={path} onSignOut={signOut} />
        </main>
      </div>
    </SessionContext.Provider>
  );
}

async function load(): Promise<Opened> {
  const me = await call<Me>('me');
  keepCsrf(me.csrf);
  return { me, status: await call<Status>('status') };
}

/** Ended runs stay until the status has caught up, a handful at most. */
function withRun(before: ReadonlyMap<string, Run>, run: Run): ReadonlyMap<string, Run> {
  const next = new Map(before);
  next.delete(run.id);
  next.set(run.id, run);
  return new Map([...next].slice(-50));
}

/** A new page begins at its top, and at its heading for those who listen. */
function useFocusOnNavigation(path: string): void {
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    scrollTo(0, 0);
    document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
  }, [path]);
}

function Routed({ path, onSignOut }: { readonly path: string; readonly onSignOut: () => void }): JSX.Element {
  for (const [pattern, show] of pages(onSignOut)) {
    const found = match(pattern, path);
    if (found !== null) return show(found);
  }
  return (
    <Page title="Not here" up={{ to: '/', name: 'Overview' }}>
      <Empty>There is no such page.</Empty>
    </Page>
  );
}

type Show = (found: Readonly<Record<string, string>>) => JSX.Element;

const pages = (onSignOut: () => void): readonly (readonly [pattern: string, show: Show])[] => [
  ['/', () => <Overview />],
  ['/plans/:plan', ({ plan = '' }) => <PlanPage key={plan} name={plan} />],
  ['/plans/:plan/runs', ({ plan = '' }) => <RunsPage key={plan} plan={plan} />],
  ['/plans/:plan/snapshots', ({ plan = '' }) => <SnapshotsPage key={plan} plan={plan} />],
  ['/runs', () => <RunsPage />],
  ['/runs/:id', ({ id = '' }) => <RunPage key={id} id={id} />],
  ['/snapshots/:id', ({ id = '' }) => <SnapshotPage key={id} id={id} />],
  ['/restore/:id', ({ id = '' }) => <RestorePage key={id} id={id} />],
  ['/stores', () => <StoresPage />],
  ['/alerts', () => <AlertsPage />],
  ['/settings', () => <SettingsPage />],
  ['/account', () => <AccountPage onSignOut={onSignOut} />],
  ['/people', () => <PeoplePage />],
  ['/audit', () => <AuditPage />],
];
