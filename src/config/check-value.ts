import type { Setting, Settings } from '../compute/settings.js';
import { nearest } from '../kit/nearest.js';
import { kindOf, oneOf, quote } from './value-text.js';

/** A setting with a value, not a nested table. */
export type LeafSetting = Exclude<Setting, { type: 'table' }>;

/** The type of a valid value. */
export type ValueOf<S extends LeafSetting> = Exclude<Settings<{ value: S }>['value'], undefined>;

/**
 * `typed`: the source has types (TOML). `text`: values may be text (INI, environment, flags), which is converted to the
 * type of the setting.
 */
export type Form = 'typed' | 'text';

export type Checked = { readonly value: unknown } | { readonly complaint: string };

const TRUE_WORDS = ['true', '1', 'yes', 'on'];
const FALSE_WORDS = ['false', '0', 'no', 'off'];

/** The value in the type of the setting, or what is wrong with it. Complaints never contain secrets. */
export function checkValue(setting: LeafSetting, raw: unknown, form: Form): Checked {
  const value = form === 'text' ? fromText(setting, raw) : raw;
  const complaint = complain(setting, value, setting.secret ? () => 'the given secret' : quote);
  return complaint === undefined ? { value } : { complaint };
}

function fromText(setting: LeafSetting, raw: unknown): unknown {
  switch (setting.type) {
    case 'boolean': {
      const word = typeof raw === 'string' ? raw.trim().toLowerCase() : raw;
      if (TRUE_WORDS.includes(word as string)) {
        return true;
      }
      return FALSE_WORDS.includes(word as string) ? false : raw;
    }
    case 'integer':
      return typeof raw === 'string' && /^[+-]?\d+$/.test(raw.trim()) ? Number(raw) : raw;
    case 'string':
      return isScalar(raw) ? String(raw) : raw;
    case 'strings':
      if (Array.isArray(raw)) {
        return raw.map((item) => (isScalar(item) ? String(item) : item));
      }
      return isScalar(raw) ? splitList(String(raw)) : raw;
    case 'any':
      return raw;
  }
}

/** The INI parser converts the bare words true, false and null; for a string setting they are text. */
function isScalar(raw: unknown): boolean {
  return raw === null || typeof raw !== 'object';
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function complain(
  setting: LeafSetting,
  value: unknown,
  show: (value: unknown) => string,
): string | undefined {
  const given = typeof value === 'string' ? show(value) : kindOf(value);
  switch (setting.type) {
    case 'string':
      if (typeof value !== 'string') {
        return `must be a string, not ${given}`;
      }
      if (setting.values !== undefined && !setting.values.includes(value)) {
        const suggestion = nearest(value, setting.values);
        const meant = suggestion === undefined ? '' : `; did you mean ${quote(suggestion)}?`;
        return `must be ${oneOf(setting.values)}, not ${given}${meant}`;
      }
      if (setting.pattern !== undefined && !setting.pattern.test(value)) {
        return `must match ${setting.pattern.source}, not ${given}`;
      }
      return undefined;
    case 'integer': {
      const unit = setting.unit === undefined ? '' : ` ${setting.unit}`;
      const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = setting;
      const isInteger = typeof value === 'number' && Number.isSafeInteger(value);
      if (isInteger && value >= min && value <= max) {
        return undefined;
      }
      const bounds = rangeText(setting.min, setting.max);
      return `must be a whole number${bounds}${unit}, not ${isInteger ? show(value) : given}`;
    }
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `must be true or false, not ${given}`;
    case 'strings': {
      if (!Array.isArray(value)) {
        return `must be a list of strings, not ${given}`;
      }
      const wrong = value.find((item) => typeof item !== 'string');
      return wrong === undefined ? undefined : `must be a list of strings, but one item is ${kindOf(wrong)}`;
    }
    case 'any':
      return undefined;
  }
}

function rangeText(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) {
    return ` from ${min} to ${max}`;
  }
  if (min !== undefined) {
    return ` of at least ${min}`;
  }
  return max === undefined ? '' : ` of at most ${max}`;
}
