import { type Sandbox, SandboxSchema } from '../../wire/v00/index.js';
import { plain } from '../output/plain.js';
import type { Shown } from '../output/show.js';
import { details, table } from '../output/table.js';
import { failureOf, phaseWord } from '../sandbox/phase.js';

const AGE_STEPS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
];

/** One sandbox. The table shows only the names of its environment: values are often secrets. */
export function sandboxView(sandbox: Sandbox): Shown {
  return { table: () => sandboxDetails(sandbox), value: () => plain(SandboxSchema, sandbox) };
}

export function sandboxListView(sandboxes: readonly Sandbox[], withWorkspace: boolean): Shown {
  return {
    table: () => sandboxTable(sandboxes, withWorkspace),
    value: () => sandboxes.map((sandbox) => plain(SandboxSchema, sandbox)),
  };
}

function sandboxTable(sandboxes: readonly Sandbox[], withWorkspace: boolean): string {
  function workspaceColumn(text: string) {
    return withWorkspace ? [text] : [];
  }

  return table(
    ['NAME', ...workspaceColumn('WORKSPACE'), 'PHASE', 'IMAGE', 'AGE'],
    sandboxes.map((sandbox) => [
      sandbox.metadata?.name ?? '',
      ...workspaceColumn(sandbox.metadata?.workspace ?? ''),
      phaseWord(sandbox),
      sandbox.spec?.template?.image ?? '',
      ageOf(sandbox.metadata?.createdAtMs),
    ]),
  );
}

function sandboxDetails(sandbox: Sandbox): string {
  const { metadata, spec } = sandbox;
  const createdAtMs = metadata?.createdAtMs ?? 0n;
  return details([
    ['Name', metadata?.name],
    ['Id', metadata?.id],
    ['Workspace', metadata?.workspace],
    ['Phase', phaseWord(sandbox)],
    ['Reason', failureOf(sandbox) || undefined],
    ['Image', spec?.template?.image],
    ['Command', spec?.command.length ? JSON.stringify(spec.command) : undefined],
    ['Environment', filled(Object.keys(spec?.environment ?? {}))],
    ['Labels', pairs(metadata?.labels)],
    ['Annotations', pairs(metadata?.annotations)],
    [
      'Created',
      createdAtMs === 0n
        ? undefined
        : `${new Date(Number(createdAtMs)).toISOString()} (${ageOf(createdAtMs)} ago)`,
    ],
  ]);
}

export function pairs(labels: Readonly<Record<string, string>> = {}): string | undefined {
  return filled(Object.entries(labels).map(([key, value]) => `${key}=${value}`));
}

/** Empty for an unknown time. */
export function ageOf(createdAtMs = 0n): string {
  return createdAtMs === 0n ? '' : age(Date.now() - Number(createdAtMs));
}

function filled(items: readonly string[]): string | undefined {
  return items.length === 0 ? undefined : items.join(', ');
}

/** How long ago, in the largest whole unit: `5d`, `3h`, `12m`, `0s`. */
export function age(ms: number): string {
  const step = AGE_STEPS.find(([, unitMs]) => ms >= unitMs);
  return step === undefined
    ? `${Math.max(0, Math.floor(ms / 1000))}s`
    : `${Math.floor(ms / step[1])}${step[0]}`;
}
