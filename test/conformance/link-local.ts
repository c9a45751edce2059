import { execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { eventually } from '../support/wait.js';

/** A service at a link-local address in a network namespace of its own, to which this host forwards: as in a cloud. */
export interface LinkLocalService {
  readonly address: string;
  readonly port: number;
  /** What it answers. */
  readonly word: string;
  close(): Promise<void>;
}

function ip(...args: string[]) {
  return execFileSync('ip', args, { stdio: 'pipe' });
}

/** Needs root. Removes what it made when it fails. */
export async function linkLocalService(): Promise<LinkLocalService> {
  const [high, low] = [randomInt(1, 250), randomInt(1, 250)];
  const name = `osmd-${high}-${low}`;
  const address = `169.254.${high}.${low}`;
  const [outside, inside] = [`198.18.${high}.1`, `198.18.${high}.2`];
  const port = 4243;
  const word = 'metadata';
  let child: ReturnType<typeof spawn> | undefined;
  const close = async () => {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      // With its children, which are a group.
      process.kill(-(child.pid as number), 'SIGKILL');
      await once(child, 'exit');
    }
    // The pair of interfaces and the route go with the namespace.
    ip('netns', 'del', name);
  };
  ip('netns', 'add', name);
  try {
    ip('link', 'add', `${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('addr', 'add', `${outside}/30`, 'dev', name);
    ip('link', 'set', name, 'up');
    for (const args of [
      ['addr', 'add', `${inside}/30`, 'dev', 'eth0'],
      ['addr', 'add', `${address}/32`, 'dev', 'eth0'],
      ['link', 'set', 'eth0', 'up'],
      ['route', 'add', 'default', 'via', outside],
    ]) {
      ip('-n', name, ...args);
    }
    ip('route', 'add', `${address}/32`, 'via', inside);
    const serve = `while :; do echo ${word} | busybox nc -l -p ${port}; done`;
    child = spawn('ip', ['netns', 'exec', name, 'busybox', 'sh', '-c', serve], {
      stdio: 'ignore',
      detached: true,
    });
    await eventually('the service answers the host', () => {
      const answer = execFileSync('busybox', [
        'sh',
        '-c',
        `busybox nc -w 1 ${address} ${port} </dev/null || :`,
      ]);
      return answer.toString().trim() === word;
    });
    return { address, port, word, close };
  } catch (error) {
    await close();
    throw error;
  }
}
