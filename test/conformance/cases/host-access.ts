import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { run } from '../../support/run.js';
import { eventually } from '../../support/wait.js';
import { linkLocalService } from '../link-local.js';
import type { CheckOptions, Desk, Workbench } from '../workbench.js';
import { dial, listen, WORD } from './isolation.js';

/** Rules against what sandboxes reach of this host, and what they reach without them. */
export function hostAccessTests({ check }: Workbench, settings: Readonly<Record<string, unknown>>): void {
  const skip = process.getuid?.() === 0 ? undefined : 'only root can set rules';

  /** What a sandbox gets from its host's own address, and from a link-local one beyond it. */
  const reached = async ({ driver, running }: Desk) => {
    const metadata = await linkLocalService();
    try {
      const sandbox = await running();
      const ask = async (command: string[]) => (await run(driver, sandbox, command)).stdout.trim();
      const routes = await ask(['busybox', 'ip', '-4', 'route']);
      const gateway = /default via (\S+)/.exec(routes)?.[1] ?? '';
      const found = Object.entries(networkInterfaces()).find(([, list]) =>
        list?.some(({ address }) => address === gateway),
      );
      assert.ok(found !== undefined, `${gateway} is the bridge's address on this host`);
      const listener = await listen(gateway);
      assert.ok(listener !== undefined);
      // By IPv6 a sandbox may reach its bridge although its network has none.
      const [bridge] = found;
      const has6 = (await ask(['cat', '/proc/sys/net/ipv6/conf/eth0/disable_ipv6'])) === '0';
      const shows6 = async () =>
        /fe80:.*link *$/m.test(await ask(['busybox', 'ip', '-6', 'addr', 'show', 'dev', 'eth0']));
      if (has6) {
        await eventually("the sandbox's own address of IPv6", shows6);
      }
      // An address shows once the kernel has found that nobody else has it.
      const local = has6
        ? await eventually("the bridge's own address of IPv6", () => {
            const all = networkInterfaces()[bridge] ?? [];
            return all.find(({ address }) => address.startsWith('fe80:'))?.address;
          })
        : '';
      const listener6 = has6 ? await listen(`${local}%${bridge}`) : undefined;
      try {
        const host6 =
          listener6 === undefined ? [] : [(await ask(dial(`${local}%eth0`, listener6.port))) === WORD];
        return {
          host6,
          host: (await ask(dial(gateway, listener.port))) === WORD,
          metadata: (await ask(dial(metadata.address, metadata.port))) === metadata.word,
        };
      } finally {
        listener.close();
        listener6?.close();
      }
    } finally {
      await metadata.close();
    }
  };

  const asRoot = (title: string, options: CheckOptions, body: (desk: Desk) => Promise<void>) =>
    check(title, options, (desk, t) => (skip === undefined ? body(desk) : Promise.resolve(t.skip(skip))));

  asRoot('neither this host nor a metadata service can be reached', { settings }, async (desk) => {
    const { host6, ...others } = await reached(desk);
    assert.deepEqual(others, { host: false, metadata: false });
    assert.ok(!host6.includes(true), 'by IPv6');
  });

  asRoot(
    'where the operator says so they can',
    { settings: { ...settings, host_access: true } },
    async (desk) => {
      const { host6, ...others } = await reached(desk);
      assert.deepEqual(others, { host: true, metadata: true });
      assert.ok(!host6.includes(false), 'by IPv6');
    },
  );
}
