import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, asApiError } from './api.ts';
import { Loading, Trouble } from './ui.tsx';

/** A page whose code is loaded when it is first shown. */
export function Lazy({ load }: { readonly load: () => Promise<ComponentType> }): JSX.Element {
  const [loaded, setLoaded] = useState<{ readonly Shown: ComponentType } | undefined>();
  const [error, setError] = useState<ApiError | undefined>();
  useEffect(() => {
    load().then(
      (Shown) => setLoaded({ Shown }),
      (reason: unknown) => setError(asApiError(reason)),
    );
  }, []);
  if (error !== undefined) return <Trouble error={error} />;
  return loaded === undefined ? <Loading /> : <loaded.Shown />;
}
