/** The type of one key of a configuration table. `doc` is one sentence; it is printed in docs and errors. */
export type Setting = { readonly doc: string; readonly secret?: true } & (
  | {
      readonly type: 'string';
      readonly default?: string;
      readonly values?: readonly string[];
      readonly pattern?: RegExp;
    }
  | {
      readonly type: 'integer';
      readonly default?: number;
      readonly min?: number;
      readonly max?: number;
      readonly unit?: string;
    }
  | { readonly type: 'boolean'; readonly default?: boolean }
  | { readonly type: 'strings'; readonly default?: readonly string[] }
  | { readonly type: 'table'; readonly keys: SettingsSchema }
  /** Free-form: the driver checks it itself. */
  | { readonly type: 'any' }
);

/** The keys of a configuration table, e.g. a driver's. */
export interface SettingsSchema {
  readonly [key: string]: Setting;
}

type ValueOf<S extends Setting> = S extends { type: 'string' }
  ? string
  : S extends { type: 'integer' }
    ? number
    : S extends { type: 'boolean' }
      ? boolean
      : S extends { type: 'strings' }
        ? readonly string[]
        : S extends { type: 'table'; keys: infer K extends SettingsSchema }
          ? Settings<K>
          : unknown;

/** The validated values of a table: a key without a default may be undefined. */
export type Settings<S extends SettingsSchema> = {
  readonly [K in keyof S]: S[K] extends { default: unknown } | { type: 'table' }
    ? ValueOf<S[K]>
    : ValueOf<S[K]> | undefined;
};
