// Run by the Node that goes into an executable: warm-up.js CODE CACHE, in a folder of its own. Loads the program and
// writes V8's code cache with all functions that were called on the way.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';

const CONFIG = 'warm-up.toml';
/** There is no such driver: the gateway loads all its code, and exits before it inspects the host. */
const SETTINGS = '[openshell.gateway]\ncompute_drivers = ["none"]\n';

const [node = '', , code = '', cache = ''] = process.argv;
const script = new Script(readFileSync(code, 'latin1'), { filename: code });
writeFileSync(CONFIG, SETTINGS);
process.argv = [node, code, '--config', CONFIG];
process.once('beforeExit', () => writeFileSync(cache, script.createCachedData()));
// The program exits while some of it is still loading.
process.exit = (() => {
  process.exitCode = 0;
}) as typeof process.exit;
process.stderr.write = () => true;
script.runInThisContext()({}, createRequire(import.meta.url), { exports: {} }, code, '.');
