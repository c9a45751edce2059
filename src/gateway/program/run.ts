import { homedir } from 'node:os';
import { OpenShellError } from '../../compute/errors.js';
import { VERSION } from '../../compute/version.js';
import { parseCommandLine } from '../../config/command-line.js';
import type { GatewayConfig } from '../../config/gateway-config.js';
import { homePaths } from '../../config/home.js';
import { loadConfig } from '../../config/load.js';
import { buildInfo, versionText } from '../build-info.js';
import { exitCodeOf } from './exit-codes.js';
import type { ProcessOptions } from './options.js';
import { assertParts } from './parts.js';
import { selectionOptions } from './selection-options.js';

/** A configuration is invalid when this build lacks parts that it needs. */
async function checkParts(options: ProcessOptions, config: GatewayConfig): Promise<void> {
  assertParts(options.flavor, config);
  const { assertInBuild } = await import('../drivers/selection.js');
  assertInBuild(selectionOptions(options, config, new AbortController().signal));
}

/** Runs `openshell-gateway` and returns its exit code. Code that only one command needs is loaded by that command. */
export async function run(options: ProcessOptions): Promise<number> {
  try {
    return await dispatch(options);
  } catch (thrown) {
    const error = OpenShellError.from(thrown);
    process.stderr.write(`openshell-gateway: error[${error.reason ?? 'Failed'}]: ${error.text}\n`);
    if (
      error.reason === undefined &&
      error.cause instanceof Error &&
      options.env.OPENSHELL_LOG_LEVEL === 'debug'
    ) {
      process.stderr.write(`${error.cause.stack}\n`);
    }
    return exitCodeOf(error);
  }
}

async function dispatch(options: ProcessOptions): Promise<number> {
  const { flavor, env } = options;
  const { command, json, operand, flags } = parseCommandLine(options.argv);
  if (command === 'help') {
    const { helpText } = await import('../../config/help.js');
    return print(helpText());
  }
  if (command === 'version') {
    const info = buildInfo(flavor, VERSION, options.build);
    return print(json ? toJson(info) : versionText(info));
  }
  const home = homePaths(env, homedir());
  const loaded = await loadConfig({ flags, env, drivers: flavor.drivers, stores: flavor.stores, home });
  switch (command) {
    case 'config check':
      for (const warning of loaded.warnings) {
        process.stderr.write(`warning: ${warning}\n`);
      }
      await checkParts(options, loaded.config);
      return print('the configuration is valid\n');
    case 'config show': {
      const { describeConfig, showConfig } = await import('../../config/show.js');
      return print(json ? toJson(describeConfig(loaded)) : showConfig(loaded));
    }
    case 'drivers': {
      const { printDrivers } = await import('./drivers.js');
      return print(await printDrivers(options, loaded.config, json));
    }
    case 'strays': {
      const { printStrays } = await import('./strays.js');
      return print(await printStrays(options, loaded.config, home));
    }
    case 'backup': {
      const { printBackup } = await import('./backup.js');
      return print(await printBackup(flavor, loaded.config, operand ?? ''));
    }
    case 'serve': {
      const { serve } = await import('./serve.js');
      return serve(options, loaded, home);
    }
  }
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
