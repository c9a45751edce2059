import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { methods as api, type Sandbox, SandboxPhase } from '../../dist/wire/v00/index.js';
import { eventually } from '../support/wait.js';
import type { GatewayProcess } from './process.js';

export interface CrashOptions {
  readonly rounds: number;
  readonly start: () => Promise<GatewayProcess>;
  /** By sandbox id, the names of what the engine shows for it. */
  readonly onEngine: () => Promise<ReadonlyMap<string, readonly string[]>>;
  readonly patienceMs: number;
}

/** From the first request of a round to the kill. */
const KILL_WITHIN_MS = 1_200;
/** The last lines of the gateways' logs in a failure's message. */
const LOG_LINES = 200;
/** A phase that a reconciled gateway leaves by itself. */
const PASSING = new Set([
  SandboxPhase.PROVISIONING,
  SandboxPhase.STOPPING,
  SandboxPhase.STARTING,
  SandboxPhase.DELETING,
]);

/** What was asked of a sandbox, as far as the gateway acknowledged it before it was killed. */
interface Asked {
  /** Empty until its creation is acknowledged. */
  id: string;
  deleteAsked: boolean;
  deleteAcknowledged: boolean;
}

/**
 * Kills the gateway with SIGKILL while creates, stops, starts, execs and deletes are under way, starts it again, and
 * holds it to its word: what it acknowledged is there, what it was asked to delete goes, and the engine has nothing
 * that the store does not know. At the end everything is deleted and the engine must be empty.
 */
export const crashRounds = async (options: CrashOptions): Promise<void> => {
  const { rounds, start, onEngine, patienceMs } = options;
  const asked = new Map<string, Asked>();
  const logs: string[] = [];
  const keepLog = (gateway: GatewayProcess, title: string) =>
    logs.push(title, ...gateway.log().split('\n').filter(Boolean));

  for (let round = 0; round < rounds; round++) {
    const gateway = await start();
    const work = Promise.allSettled([
      ...[0, 1, 2].map((i) => create(gateway, `c${round}-${i}`, asked)),
      ...pick(asked, 4).map((name) => disturb(gateway, name, asked)),
    ]);
    await sleep(randomInt(KILL_WITHIN_MS));
    await gateway.kill();
    await work;
    keepLog(gateway, `-- round ${round}, killed`);
    const again = await start();
    try {
      await settled(again, options, asked, `round ${round}`);
    } catch (error) {
      keepLog(again, `-- round ${round}, started again`);
      throw await explained(error, onEngine, logs);
    } finally {
      await again.stop();
    }
    keepLog(again, `-- round ${round}, started again`);
  }
  const last = await start();
  try {
    for (const { metadata } of await list(last))
      await last.client.unary(api.deleteSandbox, { name: metadata?.name ?? '' });
    await eventually('all rows gone', async () => (await list(last)).length === 0, patienceMs);
    assert.deepEqual([...(await onEngine())], [], 'resources left on the engine');
  } finally {
    await last.stop();
  }
};

const list = async (gateway: GatewayProcess): Promise<Sandbox[]> =>
  (await gateway.client.unary(api.listSandboxes, { limit: 1000 })).sandboxes;

const create = async (gateway: GatewayProcess, name: string, asked: Map<string, Asked>): Promise<void> => {
  const entry = { id: '', deleteAsked: false, deleteAcknowledged: false };
  asked.set(name, entry);
  const { sandbox } = await gateway.client.unary(api.createSandbox, { name });
  const id = sandbox?.metadata?.id ?? '';
  entry.id = id;
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
  const names = [...asked].filter(([, entry]) => entry.id !== '' && !entry.deleteAsked).map(([name]) => name);
  return names.sort(() => randomInt(3) - 1).slice(0, count);
};

const settled = async (
  gateway: GatewayProcess,
  { onEngine, patienceMs }: CrashOptions,
  asked: ReadonlyMap<string, Asked>,
  where: string,
): Promise<void> => {
  let rows: Sandbox[] = [];
  const underWay = () => rows.filter(({ status }) => PASSING.has(status?.phase ?? 0));
  await eventually(
    '',
    async () => {
      rows = await list(gateway);
      return underWay().length === 0;
    },
    patienceMs,
  ).catch(() => assert.fail(`${where}: after ${patienceMs} ms ${underWay().map(described).join('; ')}`));
  const byName = new Map(rows.map((row) => [row.metadata?.name ?? '', row]));
  for (const [name, entry] of asked) {
    const row = byName.get(name);
    if (entry.deleteAcknowledged)
      assert.equal(row, undefined, `${where}: deleted, and back: ${row && described(row)}`);
    else if (entry.id !== '' && !entry.deleteAsked)
      assert.ok(row, `${where}: ${name} (${entry.id}) was acknowledged and is lost`);
    if (row === undefined) continue;
    const phase = row.status?.phase;
    const well = phase === SandboxPhase.READY || phase === SandboxPhase.STOPPED;
    assert.ok(well, `${where}: ${described(row)}, asked was ${JSON.stringify(entry)}`);
  }
  const known = new Set(rows.map((row) => row.metadata?.id));
  await eventually(
    `${where}: nothing on the engine that no row knows`,
    async () => [...(await onEngine()).keys()].every((id) => known.has(id)),
    patienceMs,
  );
};

const described = ({ metadata, status }: Sandbox): string =>
  `${metadata?.name} (${metadata?.id}) is ${SandboxPhase[status?.phase ?? 0]}: ${JSON.stringify(status?.conditions)}`;

/** The error with what the engine has, and with what every gateway of this test logged about the sandboxes it names. */
const explained = async (
  error: unknown,
  onEngine: CrashOptions['onEngine'],
  logs: readonly string[],
): Promise<unknown> => {
  if (!(error instanceof Error)) return error;
  const ids: readonly string[] = error.message.match(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g) ?? [];
  const about = (line: string) => line.startsWith('--') || ids.some((id) => line.includes(id));
  const there = await onEngine().catch((failure: Error) => failure.message);
  error.message = [
    error.message,
    `on the engine: ${inspect(there, { maxArrayLength: null, breakLength: 200 })}`,
    ...logs.filter(about).slice(-LOG_LINES),
  ].join('\n');
  return error;
};
