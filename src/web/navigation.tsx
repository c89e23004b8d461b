import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Icon, type IconName, Mark } from './icons.tsx';
import { hrefOf } from './router.ts';
import { may } from './session.ts';
import type { Me, Role } from './shapes.ts';
import { nextTheme, setTheme, shownTheme, type Theme } from './themes.ts';
import { Dialog } from './ui.tsx';

interface Place {
  readonly to: string;
  readonly name: string;
  readonly icon: IconName;
  readonly needs: Role;
  /** Further paths that belong to it. */
  readonly within?: readonly string[];
}

const first: readonly Place[] = [
  { to: '/', name: 'Overview', icon: 'home', needs: 'viewer', within: ['/plans/', '/snapshots/', '/restore/'] },
  { to: '/runs', name: 'Runs', icon: 'list', needs: 'viewer', within: ['/runs/'] },
  { to: '/stores', name: 'Stores', icon: 'drive', needs: 'viewer' },
  { to: '/alerts', name: 'Alerts', icon: 'bell', needs: 'viewer' },
];
const second: readonly Place[] = [
  { to: '/people', name: 'People', icon: 'people', needs: 'administrator' },
  { to: '/audit', name: 'Audit', icon: 'book', needs: 'administrator' },
  { to: '/settings', name: 'Settings', icon: 'settings', needs: 'operator' },
];

interface NavigationProps {
  readonly path: string;
  readonly me: Me;
  readonly alerts: number;
}

/** A column beside the page on a desk; on a phone four places at the thumb and the rest behind “More”. */
export function Navigation({ path, me, alerts }: NavigationProps): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [path]);
  const rest = second.filter(({ needs }) => may(me, needs));
  const isHere = ({ to, within = [] }: Place) => path === to || within.some((start) => path.startsWith(start));
  const link = (place: Place) => (
    <li key={place.to}>
      <a class="place" href={hrefOf(place.to)} aria-current={isHere(place) ? 'page' : undefined}>
        <Icon name={place.icon} />
        <span>{place.name}</span>
        {place.to === '/alerts' && alerts > 0 ? (
          <span class="count">
            {alerts}
            <span class="unseen"> open</span>
          </span>
        ) : null}
      </a>
    </li>
  );
  return (
    <>
      <nav class="side" aria-label="Main">
        <a class="brand" href={hrefOf('/')}>
          <Mark />
          <span>Holdfast</span>
        </a>
        <ul>{first.map(link)}</ul>
        {rest.length > 0 ? <ul class="second">{rest.map(link)}</ul> : null}
        <ul class="last">
          <li>
            <a class="place" href={hrefOf('/docs')}>
              <Icon name="file" />
              <span>API</span>
            </a>
          </li>
          <li>
            <ThemeButton />
          </li>
          {link({ to: '/account', name: me.name, icon: 'person', needs: 'viewer' })}
        </ul>
      </nav>
      <nav class="bar" aria-label="Main, on small screens">
        <ul>
          {first.map(link)}
          <li>
            <button type="button" class="place" onClick={() => setOpen(true)}>
              <Icon name="more" />
              <span>More</span>
            </button>
          </li>
        </ul>
      </nav>
      {isOpen ? (
        <Dialog title="More" onClose={() => setOpen(false)}>
          <ul class="sheet">
            {rest.map(link)}
            {link({ to: '/account', name: me.name, icon: 'person', needs: 'viewer' })}
            {link({ to: '/docs', name: 'API', icon: 'file', needs: 'viewer' })}
            <li>
              <ThemeButton />
            </li>
          </ul>
        </Dialog>
      ) : null}
    </>
  );
}

const themeWords: Readonly<Record<Theme, string>> = { system: 'Theme: as the system', light: 'Theme: light', dark: 'Theme: dark' };

function ThemeButton(): JSX.Element {
  const [theme, setShown] = useState(shownTheme);
  return (
    <button
      type="button"
      class="place"
      onClick={() => {
        setTheme(nextTheme(theme));
        setShown(nextTheme(theme));
      }}
    >
      <Icon name="theme" />
      <span>{themeWords[theme]}</span>
    </button>
  );
}
