import type { JSX } from 'preact';

/** Drawn on a grid of 24, in the colour of the text around them. Always beside words: they say nothing by themselves. */
const drawings = {
  shield: 'M12 3l7.5 2.800v5.700c0 4.6-3.1 8-7.5 9.5-4.4-1.5-7.5-4.9-7.5-9.500V5.800zM8.6 12l2.4 2.4 4.4-4.7',
  warning: 'M12 4.200L21 19.500H3zM12 10v4.500M12 17.100v.1',
  critical: 'M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 7.800v5M12 16v.1',
  check: 'M5 12.500l4.5 4.500L19 7.5',
  cross: 'M6.5 6.500l11 11M17.5 6.500l-11 11',
  dash: 'M6 12h12',
  clock: 'M12 3.500a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.500V12l3 2',
  home: 'M4 11l8-7 8 7v9h-5.500v-5.500h-5V20H4z',
  drive: 'M4 14h16M6.5 5h11l2.5 9v5H4v-5zM16.5 16.600v.1',
  bell: 'M6 16.500V11a6 6 0 0 1 12 0v5.500l1.5 1.500h-15zM10 20.500h4',
  people:
    'M9 11.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.8 19.500c.5-3.3 3-5 6.2-5s5.7 1.7 6.2 5M16 5a3.3 3.3 0 0 1 0 6.200M18 15c1.8.7 2.9 2.2 3.2 4.5',
  list: 'M8.5 6.500H20M8.5 12H20M8.5 17.500H20M4.3 6.500h.1M4.3 12h.1M4.3 17.500h.1',
  settings:
    'M4 7.500h9M18.5 7.500H20M4 16.500h1.500M11 16.500h9M15.7 10a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8.3 19a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c.6-3.8 3.6-5.5 7.5-5.500s6.9 1.7 7.5 5.5',
  book: 'M5 4.500h10a4 4 0 0 1 4 4v11H9a4 4 0 0 1-4-4zM9 9h6M9 12.500h6',
  more: 'M5.5 12h.1M12 12h.1M18.5 12h.1',
  right: 'M9.5 6l6 6-6 6',
  left: 'M14.5 6l-6 6 6 6',
  folder: 'M3.5 6h6l2 2.500h9V19h-17z',
  file: 'M6 3.500h8l4 4v13H6zM14 3.500v4h4',
  database:
    'M12 3.500c4.1 0 7 1.2 7 2.800s-2.9 2.8-7 2.8-7-1.2-7-2.8 2.9-2.8 7-2.800zM5 6.300v11.400c0 1.6 2.9 2.8 7 2.800s7-1.2 7-2.800V6.300M5 12c0 1.6 2.9 2.8 7 2.800s7-1.2 7-2.8',
  table: 'M4 5h16v14H4zM4 10h16M10 10v9',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.500M5 20h14',
  play: 'M8 5.500v13l10.5-6.500z',
  theme: 'M12 3.500a8.5 8.5 0 1 0 0 17zM12 3.500a8.5 8.5 0 0 1 0 17',
  copy: 'M9 9h11v11H9zM5.5 15H4V4h11v1.5',
} as const;
export type IconName = keyof typeof drawings;

export function Icon({ name, size = 20 }: { readonly name: IconName; readonly size?: number }): JSX.Element {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={drawings[name]} />
    </svg>
  );
}

export function Mark({ size = 28 }: { readonly size?: number }): JSX.Element {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M16 6.500v19M16 11.500c-1.2 4.8-3.2 7.3-6.8 8.300M16 11.500c1.2 4.8 3.2 7.3 6.8 8.300M16 16.500c-.6 3.8-1.8 6.7-4.3 8.500M16 16.500c.6 3.8 1.8 6.7 4.3 8.5" />
    </svg>
  );
}
