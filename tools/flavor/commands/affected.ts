import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import semver from 'semver';
import { invalidArgument } from '../../../dist/compute/errors.js';
import { didYouMean } from '../../../dist/kit/nearest.js';
import type { Command, CommandContext } from '../command.js';
import { packageName, readLock } from '../lock-file.js';
import { readRelease } from '../package/release.js';
import { affectedFlavors, openVex, type PackageQuery } from '../prove/affected.js';

/** `dockerode`, `dockerode@<5`, `@scope/name@1 - 2`. */
function parseQuery(context: CommandContext): PackageQuery {
  const given = context.text('package');
  const match = /^(@?[^@]+)(?:@(.+))?$/.exec(given ?? '');
  if (match === null) {
    throw invalidArgument('name a package', { hint: "e.g. --package 'dockerode@<5.0.2'" });
  }
  const [, name = '', range = '*'] = match;
  if (semver.validRange(range) === null) {
    throw invalidArgument(`'${range}' is not a version range`);
  }
  const names = new Set([...readLock(context.root)].map(([place, entry]) => packageName(place, entry)));
  if (!names.has(name)) {
    throw invalidArgument(`package-lock.json has no package '${name}', so no flavor can contain it`, {
      hint: didYouMean(name, names, 'check its spelling'),
    });
  }
  return { name, range };
}

export const affected: Command = {
  name: 'affected',
  usage: '--package NAME[@RANGE] [--vulnerability ID --vex FILE] [--json]',
  doc: 'Show which flavors contain a package; write an OpenVEX document for the others.',
  texts: ['package', 'vulnerability', 'vex'],
  flags: ['json'],
  async run(context) {
    const query = parseQuery(context);
    const flavors = affectedFlavors(context.root, query);
    const vex = context.text('vex');
    if (vex !== undefined) {
      const vulnerability = context.text('vulnerability');
      if (vulnerability === undefined) {
        throw invalidArgument('a VEX document needs a vulnerability', {
          hint: 'add --vulnerability CVE-...',
        });
      }
      const release = await readRelease(context.root, process.env);
      writeFileSync(resolve(context.cwd, vex), openVex(release, vulnerability, query, flavors));
    }
    if (context.flag('json')) {
      context.print(JSON.stringify({ package: query.name, range: query.range, flavors }, null, 2));
      return 0;
    }
    for (const { flavor, versions, through, onlyForNode20 } of flavors) {
      const what =
        versions.length === 0
          ? 'does not contain it'
          : `contains ${versions.join(', ')} through ${through.join(', ')}${onlyForNode20 ? ' (only with --node 20)' : ''}`;
      context.print(`${flavor.padEnd(12)} ${what}`);
    }
    if (vex !== undefined) {
      context.print(`wrote ${vex}`);
    }
    return 0;
  },
};
