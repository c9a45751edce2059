import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { run } from '../../support/run.js';
import { isAllowed } from '../isolation.js';
import type { Workbench } from '../workbench.js';

/** More files of /sys than any of our engines shows. */
const MOST_OF_SYS = 40_000;

/**
 * Opens every file of /proc (but those of processes), /sys and /dev for writing, appends nothing, and prints the names
 * of those that opened, then how many were tried.
 */
const OPEN_ALL = [
  'list() { busybox find /proc -maxdepth 1 -type f',
  'busybox find /proc -mindepth 1 -maxdepth 1 -type d | while read -r d; do case $d in /proc/[0-9]*) ;; *) busybox find "$d" -type f;; esac; done',
  `busybox find /sys -type f | busybox head -n ${MOST_OF_SYS}`,
  'busybox find /dev -type b -o -type c; }',
  'list 2>/dev/null | { n=0; while read -r f; do n=$((n+1)); true 2>/dev/null >>"$f" && echo "$f"; done; echo "tried $n"; } 2>/dev/null',
].join('\n');

/** Prints what `address port` answers. */
export function dial(address: string, port: number): string[] {
  return [
    'busybox',
    'sh',
    '-c',
    'busybox nc -w 2 "$1" "$2" </dev/null 2>/dev/null; :',
    'sh',
    address,
    String(port),
  ];
}

export const WORD = 'reached';

/** A listener that greets; undefined when the address is not this machine's. */
export function listen(address: string) {
  return new Promise<{ port: number; close(): void } | undefined>((resolve) => {
    const server = createServer((socket) => socket.on('error', () => {}).end(WORD));
    server.on('error', () => resolve(undefined));
    server.listen(0, address, () =>
      resolve({ port: (server.address() as AddressInfo).port, close: () => server.close() }),
    );
  });
}

/** What can be seen and reached from inside a sandbox. */
export function isolationTests({ bed, check }: Workbench): void {
  const images = { root: bed.images.shell, 'not root': bed.images.nonRoot };
  for (const [who, image] of Object.entries(images)) {
    if (image === undefined) {
      continue;
    }
    const needs = [who === 'root' ? 'rootImage' : 'nonRootImage'] as const;
    check(`isolation: as ${who} nothing of the kernel can be written`, { needs }, async (desk) => {
      const sandbox = await desk.running({}, image);
      const { stdout } = await run(desk.driver, sandbox, ['busybox', 'sh', '-c', OPEN_ALL]);
      const lines = stdout.trim().split('\n');
      const tried = Number(/^tried (\d+)$/.exec(lines.pop() ?? '')?.[1]);
      assert.ok(tried > 500, `${tried} files were tried`);
      assert.ok(lines.includes('/dev/null'), 'what may be written was');
      assert.deepEqual(
        lines.filter((path) => !isAllowed(bed.name, path)),
        [],
      );
    });
  }

  const needs = ['isolatedNetwork'] as const;
  check('isolation: neither the host nor a neighbour can be reached', { needs }, async (desk) => {
    const { driver, running } = desk;
    const serve = `while :; do echo ${WORD} | busybox nc -l -p 4242; done`;
    const [sandbox, neighbour] = await Promise.all([
      running(),
      running({ command: ['busybox', 'sh', '-c', serve] }),
    ]);
    const text = async (command: string[], from = sandbox) => (await run(driver, from, command)).stdout;
    const own = await text(['busybox', 'ip', '-4', '-o', 'addr'], neighbour);
    const addresses = [...own.matchAll(/inet (\d+\.\d+\.\d+\.\d+)/g)].map(([, address]) => address as string);
    const beside = addresses.filter((address) => !address.startsWith('127.'));

    // The listeners stand on bridges of this machine, which nobody else reaches, and on loopback.
    const routes = await text(['busybox', 'ip', '-4', 'route']);
    const gateway = /default via (\d+\.\d+\.\d+\.\d+)/.exec(routes)?.[1];
    const ours = Object.values(networkInterfaces()).flatMap((list) => list?.map((one) => one.address) ?? []);
    const onLoopback = await listen('127.0.0.1');
    const onGateway = gateway !== undefined && ours.includes(gateway) ? await listen(gateway) : undefined;
    try {
      const targets: [what: string, address: string, port: number][] = beside.map((address) => [
        'a neighbour',
        address,
        4242,
      ]);
      if (gateway !== undefined && onLoopback !== undefined) {
        targets.push(["the host's loopback address", gateway, onLoopback.port]);
      }
      if (gateway !== undefined && onGateway !== undefined) {
        targets.push(["the host's address", gateway, onGateway.port]);
      }
      targets.push(['the metadata address', '169.254.169.254', 80]);
      const answered = await Promise.all(
        targets.map(async ([what, address, port]) =>
          (await text(dial(address, port))).includes(WORD) ? [`${what} ${address}:${port}`] : [],
        ),
      );
      assert.deepEqual(answered.flat(), []);
      assert.equal((await text(dial('127.0.0.1', 4242), neighbour)).trim(), WORD, 'the neighbour listens');
    } finally {
      onLoopback?.close();
      onGateway?.close();
    }
  });
}
