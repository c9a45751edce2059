import { invalidArgument, type OpenShellError, type OpenShellErrorOptions } from '../../compute/errors.js';
import { RESERVED_LABEL_PREFIX } from '../../compute/labels.js';
import type { JsonObject } from '../../compute/sandbox.js';
import { cutText } from '../../kit/text.js';
import type { StoredSandboxSpec } from '../../store/model.js';
import { HIDDEN, holdsHidden } from '../../store/secrets.js';
import type { LabelSelector } from '../../store/store.js';

/** OpenShell's limits; see the table of validation limits in docs/configuration.md. */
export const LIMIT = {
  nameChars: 19,
  logLevelChars: 32,
  mapEntries: 128,
  envKeyBytes: 256,
  envValueBytes: 8192,
  envTotalBytes: 256 * 1024,
  templateStringChars: 1024,
  structBytes: 65_536,
  labelNameChars: 63,
  labelKeyChars: 253,
  labelValueChars: 63,
  annotationValueBytes: 8192,
  annotationsTotalBytes: 64 * 1024,
  storedBytes: 256 * 1024,
  selectorPairs: 64,
  commandArgs: 256,
  commandBytes: 256 * 1024,
  execArgs: 1024,
  execArgBytes: 32 * 1024,
  execTotalBytes: 256 * 1024,
  workdirChars: 4096,
  pageDefault: 100,
  pageMost: 1000,
  logLines: 2000,
} as const;

function bad(field: string, what: string, options: OpenShellErrorOptions = {}): OpenShellError {
  return invalidArgument(`${field} ${what}`, { field, ...options });
}

function bytes(text: string): number {
  return Buffer.byteLength(text);
}

function bytesOfMap(map: Readonly<Record<string, string>>): number {
  return Object.entries(map).reduce((sum, [key, value]) => sum + bytes(key) + bytes(value), 0);
}

const CONTROL = /\p{Cc}/u;
const CONTROL_BUT_TAB = /[^\P{Cc}\t]/u;

export function checkGiven(text: string, field: string): void {
  if (text === '') {
    throw bad(field, 'is required');
  }
}

/** Lower-case DNS-1123 label of at most 19 characters without `--`. */
export function checkName(name: string, field = 'name'): void {
  checkGiven(name, field);
  if (name.length > LIMIT.nameChars) {
    throw bad(field, `'${cutText(name, 64)}' is longer than ${LIMIT.nameChars} characters`);
  }
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name) || name.includes('--')) {
    throw bad(field, `'${name}' is not a valid name`, {
      hint: 'use lower-case letters, digits and single hyphens, beginning and ending with a letter or digit',
    });
  }
}

const LABEL_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const LABEL_PREFIX = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

function checkLabelKey(key: string, field: string): void {
  const slash = key.indexOf('/');
  const name = key.slice(slash + 1);
  const prefixOk = slash === -1 || LABEL_PREFIX.test(key.slice(0, slash));
  if (
    key.length > LIMIT.labelKeyChars ||
    name.length > LIMIT.labelNameChars ||
    !LABEL_NAME.test(name) ||
    !prefixOk
  ) {
    throw bad(field, `has the key '${cutText(key, 300)}', which is not a label key`, {
      hint: 'a key is [prefix/]name; the name has at most 63 letters, digits, dots, hyphens or underscores',
    });
  }
}

function checkEntries(map: Readonly<Record<string, unknown>>, field: string): void {
  const count = Object.keys(map).length;
  if (count > LIMIT.mapEntries) {
    throw bad(field, `has ${count} entries; at most ${LIMIT.mapEntries} are allowed`);
  }
}

export function checkLabels(labels: Readonly<Record<string, string>>, field = 'labels'): void {
  checkEntries(labels, field);
  for (const [key, value] of Object.entries(labels)) {
    checkLabelKey(key, field);
    if (key.startsWith(RESERVED_LABEL_PREFIX)) {
      throw bad(field, `may not set '${key}': ${RESERVED_LABEL_PREFIX} is reserved for the gateway`);
    }
    if (value.length > LIMIT.labelValueChars || (value !== '' && !LABEL_NAME.test(value))) {
      throw bad(`${field}.${key}`, `has the value '${cutText(value, 100)}', which is not a label value`, {
        hint: 'at most 63 letters, digits, dots, hyphens or underscores',
      });
    }
  }
}

export function checkAnnotations(annotations: Readonly<Record<string, string>>, field = 'annotations'): void {
  checkEntries(annotations, field);
  for (const [key, value] of Object.entries(annotations)) {
    checkLabelKey(key, field);
    if (bytes(value) > LIMIT.annotationValueBytes) {
      throw bad(`${field}.${key}`, `is longer than ${LIMIT.annotationValueBytes} bytes`);
    }
    if (CONTROL_BUT_TAB.test(value)) {
      throw bad(`${field}.${key}`, 'contains a control character other than a tab', {
        hint: 'encode the value, for example in base64',
      });
    }
  }
  checkAnnotationsTotal(annotations, {}, field);
}

function checkAnnotationsTotal(
  own: Readonly<Record<string, string>>,
  template: Readonly<Record<string, string>>,
  field: string,
): void {
  const total = bytesOfMap(own) + bytesOfMap(template);
  if (total > LIMIT.annotationsTotalBytes) {
    throw bad(field, `are ${total} bytes in total; at most ${LIMIT.annotationsTotalBytes} are allowed`);
  }
}

/**
 * Checks the size of an object as the store has it: a character that JSON escapes with six counts as six. `field` names
 * the object.
 */
export function checkStoredSize(field: string, parts: Readonly<Record<string, unknown>>): void {
  const sizes = Object.entries(parts).map(([name, part]) => ({
    name,
    size: bytes(JSON.stringify(part) ?? ''),
  }));
  const total = sizes.reduce((sum, { size }) => sum + size, 0);
  if (total <= LIMIT.storedBytes) {
    return;
  }
  const [largest] = sizes.sort((a, b) => b.size - a.size);
  throw bad(field, `is ${total} bytes in total; at most ${LIMIT.storedBytes} are allowed`, {
    hint: `its largest part is ${largest?.name} with ${largest?.size} bytes; put large data into the image or a volume`,
  });
}

const ENV_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `allowed`: OPENSHELL_ variables that may be set nevertheless. */
export function checkEnvironment(
  env: Readonly<Record<string, string>>,
  field: string,
  allowed: readonly string[] = [],
  valueBytes: number = LIMIT.envValueBytes,
): void {
  checkEntries(env, field);
  for (const [key, value] of Object.entries(env)) {
    if (!ENV_KEY.test(key) || bytes(key) > LIMIT.envKeyBytes) {
      throw bad(field, `has the key '${cutText(key, 300)}', which is not a variable name`, {
        hint: 'letters, digits and underscores, not beginning with a digit',
      });
    }
    if (key.startsWith('OPENSHELL_') && !allowed.includes(key)) {
      throw bad(field, `may not set '${key}': OPENSHELL_ variables are reserved for the gateway`);
    }
    if (bytes(value) > valueBytes) {
      throw bad(`${field}.${key}`, `is longer than ${valueBytes} bytes`);
    }
    if (/[\0\n]/.test(value)) {
      throw bad(`${field}.${key}`, 'contains a NUL or a newline');
    }
    if (value === HIDDEN) {
      throw hiddenValue(`${field}.${key}`);
    }
  }
  const total = bytesOfMap(env);
  if (total > LIMIT.envTotalBytes) {
    throw bad(field, `is ${total} bytes in total; at most ${LIMIT.envTotalBytes} are allowed`);
  }
}

function checkArgv(
  argv: readonly string[],
  field: string,
  most: { readonly args: number; readonly total: number; readonly each: number },
): void {
  if (argv.length > most.args) {
    throw bad(field, `has ${argv.length} arguments; at most ${most.args} are allowed`);
  }
  if (argv.length > 0 && argv[0] === '') {
    throw bad(field, 'begins with an empty string; name a program');
  }
  let total = 0;
  for (const argument of argv) {
    if (argument.includes('\0')) {
      throw bad(field, 'contains a NUL byte');
    }
    if (bytes(argument) > most.each) {
      throw bad(field, `has an argument longer than ${most.each} bytes`);
    }
    total += bytes(argument);
  }
  if (total > most.total) {
    throw bad(field, `is ${total} bytes in total; at most ${most.total} are allowed`);
  }
}

/** Refuses the placeholder that a response showed instead of a secret. */
function hiddenValue(field: string): OpenShellError {
  return bad(field, `is ${HIDDEN}, the placeholder that responses show instead of a secret`, {
    hint: 'set the value itself',
  });
}

export function checkDriverConfig(value: JsonObject | undefined, field: string): void {
  checkStruct(value, field);
  if (value !== undefined && holdsHidden(value)) {
    throw hiddenValue(field);
  }
}

function checkStruct(value: JsonObject | undefined, field: string): void {
  if (value !== undefined && bytes(JSON.stringify(value)) > LIMIT.structBytes) {
    throw bad(field, `is larger than ${LIMIT.structBytes} bytes`);
  }
}

/** An empty image is allowed. */
export function checkImage(image: string, field: string): void {
  if (image.length > LIMIT.templateStringChars) {
    throw bad(field, `is longer than ${LIMIT.templateStringChars} characters`);
  }
  if (/[\s\p{Cc}]/u.test(image)) {
    throw bad(field, 'contains white space or a control character');
  }
}

function checkWord(text: string, field: string, most: number): void {
  if (text.length > most) {
    throw bad(field, `is longer than ${most} characters`);
  }
  if (CONTROL.test(text)) {
    throw bad(field, 'contains a control character');
  }
}

/** Checks each part of a create request, and the total size. */
export function checkSandbox(sandbox: {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: StoredSandboxSpec;
}): void {
  const { labels, annotations, spec } = sandbox;
  checkLabels(labels);
  checkAnnotations(annotations);
  checkSpec(spec);
  checkAnnotationsTotal(annotations, spec.template.annotations, 'annotations');
  const { environment, template, command, ...rest } = spec;
  const { environment: templateEnvironment, resources, driverConfig, ...templateRest } = template;
  checkStoredSize('spec', {
    labels,
    annotations,
    'spec.environment': environment,
    'spec.command': command,
    'spec.template.environment': templateEnvironment,
    'spec.template.resources': resources,
    'spec.template.driver_config': driverConfig,
    'spec.template': templateRest,
    'the rest': rest,
  });
}

function checkSpec(spec: StoredSandboxSpec): void {
  checkWord(spec.logLevel, 'spec.log_level', LIMIT.logLevelChars);
  checkEnvironment(spec.environment, 'spec.environment');
  checkArgv(spec.command, 'spec.command', {
    args: LIMIT.commandArgs,
    total: LIMIT.commandBytes,
    each: LIMIT.commandBytes,
  });
  if (spec.gpu?.count === 0) {
    throw bad('spec.resource_requirements.gpu.count', 'is 0; leave the GPU out, or request at least one');
  }
  const { template } = spec;
  checkImage(template.image, 'spec.template.image');
  checkWord(template.runtimeClassName, 'spec.template.runtime_class_name', LIMIT.templateStringChars);
  checkLabels(template.labels, 'spec.template.labels');
  checkAnnotations(template.annotations, 'spec.template.annotations');
  checkEnvironment(template.environment, 'spec.template.environment');
  checkStruct(template.resources, 'spec.template.resources');
  checkDriverConfig(template.driverConfig, 'spec.template.driver_config');
}

/** Set by the Python SDK's exec_python. */
const EXEC_ALLOWED_ENV = ['OPENSHELL_PYFUNC_B64'];

export function checkExec(exec: {
  readonly command: readonly string[];
  readonly workdir: string;
  readonly environment: Readonly<Record<string, string>>;
}): void {
  if (exec.command.length === 0) {
    throw bad('command', 'is required');
  }
  checkArgv(exec.command, 'command', {
    args: LIMIT.execArgs,
    total: LIMIT.execTotalBytes,
    each: LIMIT.execArgBytes,
  });
  if (exec.workdir.length > LIMIT.workdirChars || exec.workdir.includes('\0')) {
    throw bad('workdir', `is not a path of at most ${LIMIT.workdirChars} characters`);
  }
  checkEnvironment(exec.environment, 'environment', EXEC_ALLOWED_ENV, LIMIT.execArgBytes);
}

/** Parses `k=v,k2=v2`; empty: no selector. */
export function parseSelector(text: string): LabelSelector | undefined {
  if (text.trim() === '') {
    return undefined;
  }
  const selector = new Map<string, string>();
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    const key = part.slice(0, equals).trim();
    if (equals === -1 || key === '' || part.slice(equals + 1).startsWith('=')) {
      throw bad('label_selector', `has '${cutText(part, 100)}', which is not key=value`, {
        hint: 'write key=value,key2=value2',
      });
    }
    const value = part.slice(equals + 1).trim();
    if (selector.has(key) && selector.get(key) !== value) {
      throw bad('label_selector', `names '${cutText(key, 300)}' twice`);
    }
    selector.set(key, value);
  }
  if (selector.size > LIMIT.selectorPairs) {
    throw bad('label_selector', `has more than ${LIMIT.selectorPairs} pairs`);
  }
  return selector;
}

/** 0: the default. More than the maximum counts as the maximum. */
export function pageLimit(size: number): number {
  return Math.min(size === 0 ? LIMIT.pageDefault : size, LIMIT.pageMost);
}
