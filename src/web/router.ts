import { useEffect, useState } from 'preact/hooks';

const base = new URL(document.baseURI).pathname;

/** The page's path below the base: `/plans/home`. */
function currentPath(): string {
  const path = location.pathname;
  return path.startsWith(base) ? `/${path.slice(base.length)}` : '/';
}

/** For `href`: relative, so that it holds under any base path. */
export function hrefOf(path: string): string {
  return path === '/' ? base : path.slice(1);
}

const listeners = new Set<() => void>();

export function navigate(path: string, options: { readonly replace?: boolean } = {}): void {
  const url = new URL(hrefOf(path), document.baseURI);
  history[options.replace === true ? 'replaceState' : 'pushState'](null, '', url);
  listeners.forEach((listener) => listener());
}

/** The path, kept current; links to pages of the dashboard are followed without loading it anew. */
export function usePath(): string {
  const [path, setPath] = useState(currentPath);
  useEffect(() => {
    const update = () => setPath(currentPath());
    listeners.add(update);
    addEventListener('popstate', update);
    document.addEventListener('click', followLink);
    return () => {
      listeners.delete(update);
      removeEventListener('popstate', update);
      document.removeEventListener('click', followLink);
    };
  }, []);
  return path;
}

function followLink(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (link === null || !isPlain || event.defaultPrevented || link.target !== '' || link.hasAttribute('download')) return;
  if (link.origin !== location.origin || !link.pathname.startsWith(base) || link.dataset['leaves'] !== undefined) return;
  event.preventDefault();
  navigate(`/${link.pathname.slice(base.length)}${link.search}${link.hash}`);
}

/** `match('/plans/:plan', '/plans/home')` → `{ plan: 'home' }`; null when the path is another. */
export function match(pattern: string, path: string): Readonly<Record<string, string>> | null {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (part.startsWith(':')) found[part.slice(1)] = decoded(value);
    else if (part !== value) return null;
  }
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
