/** A configuration as it may be shown: without secrets, every value with where it came from. */
export type Shown = ShownValue | ShownList | ShownMap;

export interface ShownValue {
  readonly kind: 'value';
  readonly value: string | number | boolean | null;
  /** `holdfast.yaml:4`, `env:BACKUP_DIR`, `default` */
  readonly source: string;
}

export interface ShownList {
  readonly kind: 'list';
  readonly items: readonly Shown[];
}

export interface ShownMap {
  readonly kind: 'map';
  readonly entries: readonly (readonly [key: string, value: Shown])[];
}

/** A value that nobody wrote. */
export function byDefault(value: string | number): ShownValue {
  return { kind: 'value', value, source: 'default' };
}
