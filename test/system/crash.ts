import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { methods as api, type Sandbox, SandboxPhase } from '../../dist/wire/v00/index.js';
import { eventually } from '../support/wait.js';
import type { GatewayProcess } from './process.js';

export interface CrashOptions {
  readonly rounds: number;
  readonly start: () => Promise<GatewayProcess>;
  /** The sandbox ids that the engine shows. */
  readonly engineIds: () => Promise<ReadonlySet<string>>;
  readonly patienceMs: number;
}

/** From the first request of a round to the kill. */
const KILL_WITHIN_MS = 1_200;
/** A phase that a reconciled gateway leaves by itself. */
const PASSING = new Set([
  SandboxPhase.PROVISIONING,
  SandboxPhase.STOPPING,
  SandboxPhase.STARTING,
  SandboxPhase.DELETING,
]);

/** What was asked of a sandbox, as far as the gateway acknowledged it before it was killed. */
interface Asked {
  created: boolean;
  deleteAsked: boolean;
  deleteAcknowledged: boolean;
}

/**
 * Kills the gateway with SIGKILL while creates, stops, starts, execs and deletes are under way, starts it again, and
 * holds it to its word: what it acknowledged is there, what it was asked to delete goes, and the engine has nothing
 * that the store does not know. At the end everything is deleted and the engine must be empty.
 */
export const crashRounds = async ({ rounds, start, engineIds, patienceMs }: CrashOptions): Promise<void> => {
  const asked = new Map<string, Asked>();
  for (let round = 0; round < rounds; round++) {
    const gateway = await start();
    const work = Promise.allSettled([
      ...[0, 1, 2].map((i) => create(gateway, `c${round}-${i}`, asked)),
      ...pick(asked, 4).map((name) => disturb(gateway, name, asked)),
    ]);
    await sleep(randomInt(KILL_WITHIN_MS));
    await gateway.kill();
    await work;
    const again = await start();
    try {
      await settled(again, engineIds, asked, patienceMs, `round ${round}`);
    } finally {
      await again.stop();
    }
  }
  const last = await start();
  try {
    for (const { metadata } of await list(last))
      await last.client.unary(api.deleteSandbox, { name: metadata?.name ?? '' });
    await eventually('all rows gone', async () => (await list(last)).length === 0, patienceMs);
    assert.deepEqual([...(await engineIds())], [], 'resources left on the engine');
  } finally {
    await last.stop();
  }
};

const list = async (gateway: GatewayProcess): Promise<Sandbox[]> =>
  (await gateway.client.unary(api.listSandboxes, { limit: 1000 })).sandboxes;

const create = async (gateway: GatewayProcess, name: string, asked: Map<string, Asked>): Promise<void> => {
  const entry = { created: false, deleteAsked: false, deleteAcknowledged: false };
  asked.set(name, entry);
  const { sandbox } = await gateway.client.unary(api.createSandbox, { name });
  entry.created = true;
  const id = sandbox?.metadata?.id ?? '';
  const ready = { id, followStatus: true, stopOnTerminal: true };
  for await (const _ of gateway.client.serverStream(api.watchSandbox, ready));
  for await (const _ of gateway.client.serverStream(api.execSandbox, {
    sandboxId: id,
    command: ['sleep', '2'],
  }));
};

const disturb = async (gateway: GatewayProcess, name: string, asked: Map<string, Asked>): Promise<void> => {
  const entry = asked.get(name) as Asked;
  switch (randomInt(3)) {
    case 0:
      entry.deleteAsked = true;
      await gateway.client.unary(api.deleteSandbox, { name });
      entry.deleteAcknowledged = true;
      return;
    case 1:
      await gateway.client.unary(api.stopSandbox, { name });
      return;
    default:
      await gateway.client.unary(api.startSandbox, { name });
  }
};

const pick = (asked: ReadonlyMap<string, Asked>, count: number): string[] => {
  const names = [...asked].filter(([, entry]) => entry.created && !entry.deleteAsked).map(([name]) => name);
  return names.sort(() => randomInt(3) - 1).slice(0, count);
};

const settled = async (
  gateway: GatewayProcess,
  engineIds: CrashOptions['engineIds'],
  asked: ReadonlyMap<string, Asked>,
  patienceMs: number,
  where: string,
): Promise<void> => {
  const rows = await eventually(
    `${where}: every operation is taken up`,
    async () => {
      const found = await list(gateway);
      return found.every((row) => !PASSING.has(row.status?.phase ?? 0)) && found;
    },
    patienceMs,
  );
  const byName = new Map(rows.map((row) => [row.metadata?.name ?? '', row]));
  for (const [name, entry] of asked) {
    const row = byName.get(name);
    if (entry.deleteAcknowledged) assert.equal(row, undefined, `${where}: ${name} was deleted and came back`);
    else if (entry.created && !entry.deleteAsked)
      assert.ok(row, `${where}: ${name} was acknowledged and is lost`);
    if (row === undefined) continue;
    const { phase, conditions } = row.status ?? {};
    assert.ok(
      phase === SandboxPhase.READY || phase === SandboxPhase.STOPPED,
      `${where}: ${name} is in phase ${phase}: ${JSON.stringify(conditions)}`,
    );
  }
  const known = new Set(rows.map((row) => row.metadata?.id));
  await eventually(
    `${where}: nothing on the engine that no row knows`,
    async () => [...(await engineIds())].every((id) => known.has(id)),
    patienceMs,
  );
};
