import type { JSX } from 'preact';
import { call, useAct, useLoaded } from './api.ts';
import { CopyRow } from './copies.tsx';
import { hrefOf } from './router.ts';
import { may, useSession } from './session.ts';
import type { Page as PageOf, StoreState } from './shapes.ts';
import type { Shown } from './states.ts';
import { Ago, Button, Empty, Loading, Meter, Page, Pill, Trouble } from './ui.tsx';
import { bytesInWords, counted } from './words.ts';

export function StoresPage(): JSX.Element {
  const { data, error, reload } = useLoaded<PageOf<StoreState>>('stores');
  return (
    <Page title="Stores" lead="Where snapshots live.">
      <Trouble error={error} retry={reload} />
      {data === undefined && error === undefined ? <Loading /> : null}
      {data?.items.length === 0 ? <Empty>No plan names a store.</Empty> : null}
      <div class="cards">
        {data?.items.map((store) => (
          <StoreCard key={store.name} store={store} reload={reload} />
        ))}
      </div>
    </Page>
  );
}

function reachShown({ reachable }: StoreState): Shown {
  if (reachable === null) return { tone: 'quiet', icon: 'clock', word: 'Not looked at yet' };
  return reachable ? { tone: 'good', icon: 'check', word: 'Reachable' } : { tone: 'bad', icon: 'cross', word: 'Unreachable' };
}

function StoreCard({ store, reload }: { readonly store: StoreState; readonly reload: () => void }): JSX.Element {
  const { me } = useSession();
  const act = useAct();
  const probe = () =>
    act.run(async () => {
      await call(`stores/${encodeURIComponent(store.name)}/probe`, { method: 'POST' });
      reload();
    });
  return (
    <article class="card">
      <div class="card-head">
        <h2>{store.name}</h2>
        <Pill shown={reachShown(store)} />
      </div>
      <p class="soft mono">{store.location}</p>
      <Space store={store} />
      <dl class="figures-row">
        <div>
          <dt>Holds</dt>
          <dd>
            {counted(store.snapshots, 'snapshot')} <span class="soft">{bytesInWords(store.sizeBytes)}</span>
          </dd>
        </div>
        <div>
          <dt>Newest</dt>
          <dd>
            <Ago at={store.newestAt} none="none" />
          </dd>
        </div>
      </dl>
      <Held store={store} />
      {store.problem === null ? null : (
        <div class="notice bad">
          <div>
            <p class="notice-title">{store.problem.message}</p>
            <p>{store.problem.hint}</p>
          </div>
        </div>
      )}
      <Trouble error={act.error} />
      <div class="card-foot">
        {may(me, 'operator') ? (
          <Button busy={act.busy} onClick={probe}>
            Look now
          </Button>
        ) : null}
        <span class="soft small">
          looked at <Ago at={store.checkedAt} />
        </span>
      </div>
    </article>
  );
}

/** Plan by plan. */
function Held({ store: { name, plans } }: { readonly store: StoreState }): JSX.Element {
  const { status } = useSession();
  return (
    <ul class="rows inset" aria-label={`What ${name} holds`}>
      {status.plans
        .filter((plan) => plans.includes(plan.name))
        .flatMap((plan) => plan.copies.filter(({ store }) => store === name).map((copy) => ({ plan, copy })))
        .map(({ plan, copy }) => (
          <CopyRow key={plan.name} plan={plan} copy={copy} title={<a href={hrefOf(`/plans/${plan.name}`)}>{plan.name}</a>} />
        ))}
    </ul>
  );
}

/** Less than a twentieth free is little. */
const littleShare = 0.05;

function Space({ store: { freeBytes, totalBytes, name } }: { readonly store: StoreState }): JSX.Element | null {
  if (freeBytes === null) return null;
  if (totalBytes === null || totalBytes === 0) return <p>{bytesInWords(freeBytes)} free</p>;
  const isLittle = freeBytes / totalBytes < littleShare;
  return (
    <div class="space">
      <Meter
        label={`Space used in ${name}`}
        share={1 - freeBytes / totalBytes}
        tone={isLittle ? 'bad' : 'calm'}
        words={`${bytesInWords(freeBytes)} free of ${bytesInWords(totalBytes)}`}
      />
      <p class={isLittle ? 'small bad-text' : 'small soft'}>
        {bytesInWords(freeBytes)} free of {bytesInWords(totalBytes)}
        {isLittle ? ': that is little' : ''}
      </p>
    </div>
  );
}
