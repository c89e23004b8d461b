import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, newKey, useAct } from './api.ts';
import { Changes } from './changes.tsx';
import { navigate } from './router.ts';
import type { Confirmation, Run, SnapshotDetail } from './shapes.ts';
import { Button, Dialog, Field, Trouble } from './ui.tsx';
import { counted, instantInWords } from './words.ts';

/** Asks what would go, lets the plan's name be typed, and deletes. */
export function DeleteDialog({ snapshot, onClose }: { readonly snapshot: SnapshotDetail; readonly onClose: () => void }): JSX.Element {
  const act = useAct();
  const [key] = useState(newKey);
  const [typed, setTyped] = useState('');
  const [confirmation, setConfirmation] = useState<Confirmation | undefined>();
  const target = { snapshot: snapshot.id };
  const ask = () => act.run(async () => setConfirmation(await call('confirmations', { method: 'POST', body: { act: 'delete', target } })));
  const remove = () =>
    act.run(async () => {
      const body = { ...target, confirmation: confirmation?.confirmation };
      const run = await call<Run>(`snapshots/${snapshot.id}`, { method: 'DELETE', body, key });
      navigate(`/runs/${run.id}`);
    });
  return (
    <Dialog title="Delete this snapshot" onClose={onClose}>
      <p>
        The snapshot of {instantInWords(snapshot.createdAt)} is removed from {counted(snapshot.stores.length, 'store')} (
        {snapshot.stores.map(({ store }) => store).join(', ')}). Nothing brings it back.
      </p>
      {confirmation === undefined ? null : (
        <>
          <Changes changes={confirmation.changes} />
          <Field label={`Type “${snapshot.plan}” to go on`}>
            {(ids) => <input {...ids} value={typed} autocomplete="off" onInput={(event) => setTyped(event.currentTarget.value)} />}
          </Field>
        </>
      )}
      <Trouble error={act.error} />
      <div class="dialog-foot">
        {confirmation === undefined ? (
          <Button busy={act.busy} onClick={ask}>
            Go on
          </Button>
        ) : (
          <Button kind="danger" busy={act.busy} blocked={typed === snapshot.plan ? null : 'the name is not typed yet'} onClick={remove}>
            Delete for good
          </Button>
        )}
      </div>
    </Dialog>
  );
}
