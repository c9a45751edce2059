import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument } from '../../../dist/compute/errors.js';
import { didYouMean } from '../../../dist/kit/nearest.js';
import { manifestPath, tsconfigPath } from './flavor-source.js';
import { DEFAULT_FLAVOR, type FlavorSpec } from './flavor-spec.js';

/** A flavor's two files, read independently of each other. */
export interface FlavorFiles {
  readonly name: string;
  readonly tsconfig: { readonly path: string; readonly text: string; readonly references: readonly string[] };
  readonly manifest: {
    readonly path: string;
    readonly text: string;
    /** The name in the call of `flavor`; undefined when there is none. */
    readonly flavorName: string | undefined;
    /** `#` specifiers, in order. */
    readonly imports: readonly string[];
    /** The arguments of `flavor`: each part's specifier, or a word that is not imported. */
    readonly listed: readonly string[];
  };
}

const IMPORT = /^import\s+(?:\{\s*)?(\w+)(?:\s*\})?\s+from\s+'([^']+)'/gm;
const CALL = /export default flavor\(\s*'([^']*)'\s*,\s*\{([^}]*)\}/;
/** A part in it: `drivers: [a, b]`, `telemetry` or `telemetry: t`. */
const FIELD = /(\w+)(?:\s*:\s*(?:\[([^\]]*)\]|(\w+)))?/g;

/** The flavors of this checkout, by their tsconfig files, sorted. */
export function flavorNames(root: string): string[] {
  return readdirSync(root)
    .flatMap((file) => /^tsconfig(?:\.([^.]+))?\.json$/.exec(file)?.slice(1) ?? [])
    .map((name) => name ?? DEFAULT_FLAVOR)
    .filter((name) => name !== 'base')
    .sort();
}

function parseManifest(path: string, text: string): FlavorFiles['manifest'] {
  const imports = [...text.matchAll(IMPORT)].map(([, value = '', specifier = '']) => ({ value, specifier }));
  const call = CALL.exec(text);
  const listed = [...(call?.[2] ?? '').matchAll(FIELD)].flatMap(([, key = '', list, single]) =>
    (list ?? single ?? key).split(',').map((value) => value.trim()),
  );
  return {
    path,
    text,
    flavorName: call?.[1],
    imports: imports.map(({ specifier }) => specifier).filter((specifier) => specifier.startsWith('#')),
    listed: listed
      .filter((value) => value !== '')
      .map((value) => imports.find((line) => line.value === value)?.specifier ?? value),
  };
}

/** @throws OpenShellError INVALID_ARGUMENT when there is no such flavor or one of its files cannot be read */
export function readFlavor(root: string, name: string): FlavorFiles {
  const path = tsconfigPath(name);
  if (!existsSync(join(root, path))) {
    const names = flavorNames(root);
    throw invalidArgument(`there is no flavor '${name}' (${path})`, {
      hint: didYouMean(name, names, `flavors: ${names.join(', ')}`),
    });
  }
  const manifest = manifestPath(name);
  if (!existsSync(join(root, manifest))) {
    throw invalidArgument(`the flavor '${name}' has ${path} and no ${manifest}`, {
      hint: 'write both with: npm run flavor -- DRIVER... --name NAME',
    });
  }
  const text = readFileSync(join(root, path), 'utf8');
  const { references = [] } = parseJson(path, text) as { references?: { path: string }[] };
  return {
    name,
    tsconfig: { path, text, references: references.map((reference) => reference.path.replace(/^\.\//, '')) },
    manifest: parseManifest(manifest, readFileSync(join(root, manifest), 'utf8')),
  };
}

/** The parts of the flavor, according to its manifest. */
export function specOf({ name, manifest: { listed } }: FlavorFiles): FlavorSpec {
  function wordsIn(room: string): string[] {
    return listed
      .flatMap((specifier) => new RegExp(`^#${room}/(.+)$`).exec(specifier)?.slice(1) ?? [])
      .sort();
  }

  return { name, drivers: wordsIn('drivers'), parts: wordsIn('parts') };
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalidArgument(`${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
}
