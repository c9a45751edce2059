import type { Form } from './check-value.js';
import type { LineOf } from './key-lines.js';

/** A problem of the text itself, before its keys are looked at. */
export interface LineProblem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** A file's text as its parser gives it, unchecked. With problems, `root` is empty. */
export interface ParsedText {
  readonly root: unknown;
  readonly lineOf: LineOf;
  readonly form: Form;
  readonly problems: readonly LineProblem[];
}
