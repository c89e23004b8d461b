import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useAct } from './api.ts';
import { Button, Field, Trouble } from './ui.tsx';

interface FormProps {
  /** What its button says. */
  readonly submit: string;
  readonly kind?: 'primary' | 'plain';
  /** Within a page it is as narrow as its longest line is read; a card or a dialog has its own width. */
  readonly narrow?: boolean;
  readonly onSubmit: () => Promise<void>;
  readonly children: ComponentChildren;
}

/** Fields and one button, pressed once at a time; what was refused stands above it. */
export function Form({ submit, kind = 'primary', narrow = false, onSubmit, children }: FormProps): JSX.Element {
  const act = useAct();
  return (
    <form
      class={narrow ? 'form narrow' : 'form'}
      onSubmit={(event) => {
        event.preventDefault();
        act.run(onSubmit);
      }}
    >
      {children}
      <Trouble error={act.error} />
      <div class="form-foot">
        <Button kind={kind} type="submit" busy={act.busy}>
          {submit}
        </Button>
      </div>
    </form>
  );
}

interface TextFieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly autocomplete: string;
  readonly type?: 'password';
  readonly required?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly inputMode?: 'numeric';
  readonly pattern?: string;
  readonly placeholder?: string;
  /** Takes the focus when it appears. */
  readonly isNext?: boolean;
}

export function TextField({ label, hint, onValue, isNext = false, ...input }: TextFieldProps): JSX.Element {
  const shown = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (isNext) shown.current?.focus();
  }, []);
  return (
    <Field label={label} {...(hint === undefined ? {} : { hint })}>
      {(ids) => <input {...ids} {...input} ref={shown} onInput={(event) => onValue(event.currentTarget.value)} />}
    </Field>
  );
}

interface PasswordFieldProps extends Pick<TextFieldProps, 'label' | 'hint' | 'value' | 'onValue'> {
  /** The one that is known already is `current-password`. */
  readonly autocomplete: 'current-password' | 'new-password';
}

/** The service takes no new one that is shorter. */
export function PasswordField({ autocomplete, ...field }: PasswordFieldProps): JSX.Element {
  return (
    <TextField
      {...field}
      type="password"
      required
      autocomplete={autocomplete}
      {...(autocomplete === 'new-password' ? { minLength: 12 } : {})}
    />
  );
}

/** Six digits from an authenticator app. */
export function CodeField(field: Pick<TextFieldProps, 'label' | 'hint' | 'value' | 'onValue' | 'isNext'>): JSX.Element {
  return <TextField {...field} required inputMode="numeric" pattern="[0-9]{6}" autocomplete="one-time-code" />;
}
