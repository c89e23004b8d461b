export type Theme = 'system' | 'light' | 'dark';

const place = 'holdfast-theme';

export function shownTheme(): Theme {
  const theme = document.documentElement.dataset['theme'];
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

export function nextTheme(theme: Theme): Theme {
  return theme === 'system' ? 'light' : theme === 'light' ? 'dark' : 'system';
}

/** Kept in this browser; `theme.ts` sets it before the first paint. */
export function setTheme(theme: Theme): void {
  if (theme === 'system') {
    delete document.documentElement.dataset['theme'];
    localStorage.removeItem(place);
  } else {
    document.documentElement.dataset['theme'] = theme;
    localStorage.setItem(place, theme);
  }
}
