import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { invalidArgument } from '../../../dist/compute/errors.js';
import { flavorNames, readFlavor, specOf } from '../choose/flavor-files.js';
import { type Command, type CommandContext, commaList } from '../command.js';
import { ARTIFACT_KINDS, type ArtifactKind } from '../package/artifacts.js';
import { packageFlavor } from '../package/package-flavor.js';
import { pinnedNode } from '../package/release.js';
import { fingerprint, readSigningKey } from '../signature.js';

function nodeTarget(context: CommandContext): 20 | 22 {
  const given = context.text('node') ?? '22';
  if (given !== '20' && given !== '22') {
    throw invalidArgument(`--node is 20 or 22, not '${given}'`, { hint: '22 means Node 22.13 and later' });
  }
  return given === '20' ? 20 : 22;
}

function kinds(context: CommandContext): readonly ArtifactKind[] {
  const given = commaList(context, 'only');
  const wrong = given.find((kind) => !ARTIFACT_KINDS.some((known) => known === kind));
  if (wrong !== undefined) {
    throw invalidArgument(`there is no artifact '${wrong}'`, {
      hint: `choose from ${ARTIFACT_KINDS.join(', ')}`,
    });
  }
  return given.length === 0 ? ARTIFACT_KINDS : (given as ArtifactKind[]);
}

export const packageCommand: Command = {
  name: 'package',
  usage:
    'FLAVOR --out DIR [--node 20] [--only folder,tgz,bundle,executable,image] [--without-agent] [--sign-key FILE] [--json]',
  doc: 'Build and run the artifacts of a flavor; --sign-key: an Ed25519 key (PEM) to sign their manifest.',
  texts: ['out', 'node', 'only', 'sign-key'],
  flags: ['without-agent', 'json'],
  async run(context) {
    const { root, cwd, positionals, print, progress } = context;
    const [name, ...rest] = positionals;
    const out = context.text('out');
    if (name === undefined || rest.length > 0 || out === undefined) {
      throw invalidArgument('name one flavor and a folder for its artifacts', {
        hint: `e.g. package docker --out out; flavors: ${flavorNames(root).join(', ')}`,
      });
    }
    const key = context.text('sign-key');
    const signKey = key === undefined ? undefined : readSigningKey(resolve(cwd, key));
    const options = {
      root,
      spec: specOf(readFlavor(root, name)),
      out: resolve(cwd, out),
      node: nodeTarget(context),
      kinds: kinds(context),
      agent: !context.flag('without-agent'),
      env: process.env,
      signKey,
      progress,
    };
    if (process.version !== `v${pinnedNode(root).version}`) {
      return underPinnedNode(context);
    }
    const made = await packageFlavor(options);
    if (context.flag('json')) {
      print(JSON.stringify(made, null, 2));
    } else {
      for (const artifact of made.artifacts) {
        print(`${artifact.kind.padEnd(10)} ${artifact.name}`);
      }
      if (signKey !== undefined) {
        print(`signed by  ${fingerprint(signKey)}`);
      }
    }
    return 0;
  },
};

/** Runs the same command with the Node of the lock file, so that output does not depend on the host's (e.g. zlib). */
function underPinnedNode({ root, cwd }: CommandContext): number {
  const tool = fileURLToPath(new URL('../../../tools/flavor/openshell-flavor.mjs', import.meta.url));
  const { status } = spawnSync(pinnedNode(root).path, [tool, ...process.argv.slice(2)], {
    cwd,
    stdio: 'inherit',
  });
  return status ?? 3;
}
