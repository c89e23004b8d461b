import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, newKey, useAct, useLoaded } from './api.ts';
import { navigate } from './router.ts';
import { may, useSession } from './session.ts';
import type { Confirmation, ExpirePreview, Run } from './shapes.ts';
import { Button, Dialog, Empty, Loading, Trouble } from './ui.tsx';
import { bytesInWords, counted, instantInWords } from './words.ts';

/** Which snapshots retention would let go now, and why the others stay; operators may then do it. */
export function ExpireDialog({ plan, onClose }: { readonly plan: string; readonly onClose: () => void }): JSX.Element {
  const { me } = useSession();
  const { data, error } = useLoaded<ExpirePreview>(`plans/${plan}/expire`);
  const gone = data?.stores.flatMap(({ decisions }) => decisions.filter(({ keep }) => !keep)) ?? [];
  return (
    <Dialog title="What would expire" onClose={onClose}>
      {data === undefined && error === undefined ? <Loading /> : null}
      <Trouble error={error} />
      {data !== undefined && gone.length === 0 ? <Empty>Nothing: the rules of this plan keep every snapshot.</Empty> : null}
      {data?.stores.map((store) => (
        <StoreDecisions key={store.store} store={store} />
      ))}
      {gone.length > 0 && may(me, 'operator') ? <ExpireNow plan={plan} count={gone.length} /> : null}
    </Dialog>
  );
}

function StoreDecisions({ store }: { readonly store: ExpirePreview['stores'][number] }): JSX.Element {
  const gone = store.decisions.filter(({ keep }) => !keep).length;
  return (
    <section class="decisions">
      <h3>{store.store}</h3>
      <p class="soft">{gone === 0 ? 'All stay.' : `${counted(gone, 'snapshot')} would go and free ${bytesInWords(store.freedBytes)}.`}</p>
      <ul class="rows">
        {store.decisions.map(({ id, keep, reasons, sizeBytes, createdAt }) => (
          <li key={id} class="row still">
            <span class="row-main">
              <span class="row-title">{instantInWords(createdAt)}</span>
              <span class="row-note">
                {bytesInWords(sizeBytes)}
                {reasons.length === 0 ? '' : ` · ${reasons.join(', ')}`}
              </span>
            </span>
            <span class={`pill ${keep ? 'quiet' : 'warn'}`}>{keep ? 'stays' : 'would go'}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function ExpireNow({ plan, count }: { readonly plan: string; readonly count: number }): JSX.Element {
  const act = useAct();
  const [confirmation, setConfirmation] = useState<Confirmation | undefined>();
  const [key] = useState(newKey);
  const ask = () =>
    act.run(async () => setConfirmation(await call('confirmations', { method: 'POST', body: { act: 'expire', target: { plan } } })));
  const expire = () =>
    act.run(async () => {
      const body = { confirmation: confirmation?.confirmation };
      const run = await call<Run>(`plans/${plan}/expire`, { method: 'POST', body, key });
      navigate(`/runs/${run.id}`);
    });
  return (
    <div class="dialog-foot">
      <Trouble error={act.error} />
      {confirmation === undefined ? (
        <Button busy={act.busy} onClick={ask}>
          Let them go …
        </Button>
      ) : (
        <Button kind="danger" busy={act.busy} onClick={expire}>
          {`Remove ${counted(count, 'snapshot')} for good`}
        </Button>
      )}
    </div>
  );
}
