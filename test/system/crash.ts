import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { methods as api, type Sandbox, SandboxPhase } from '../../dist/wire/v00/index.js';
import { createRandom, type Random } from '../support/random.js';
import { eventually } from '../support/wait.js';
import { type CrashReport, createCrashReport, described } from './crash-report.js';
import type { GatewayProcess } from './process.js';

/** A process that may be killed besides the gateway. */
export interface Victim {
  readonly pid: number;
  readonly what: string;
}

export interface CrashOptions {
  readonly rounds: number;
  readonly start: () => Promise<GatewayProcess>;
  /** By sandbox id, the names of what the engine shows for it. */
  readonly onEngine: () => Promise<ReadonlyMap<string, readonly string[]>>;
  readonly patienceMs: number;
  /** How many sandboxes a round creates; default 3. */
  readonly creates?: number;
  /** With so many sandboxes or more, rounds delete instead of stopping and starting. Default: no limit. */
  readonly most?: number;
  /** What else may be killed at this moment; the gateway is always one of them. Default: nothing. */
  readonly victims?: () => Promise<readonly Victim[]>;
}

/** From the first request of a round to the kill. */
const KILL_WITHIN_MS = 1_200;
const MAX_SEED = 2 ** 32;
/** A phase that a reconciled gateway leaves by itself. */
const PASSING = new Set([
  SandboxPhase.PROVISIONING,
  SandboxPhase.STOPPING,
  SandboxPhase.STARTING,
  SandboxPhase.DELETING,
]);

/** What was asked of a sandbox, as far as the gateway acknowledged it before it was killed. */
interface Asked {
  /** Empty until its creation is acknowledged, or it is seen. */
  id: string;
  /** The file inside was written and synced. */
  written: boolean;
  deleteAsked: boolean;
  deleteAcknowledged: boolean;
}

interface Rounds extends CrashOptions {
  readonly asked: Map<string, Asked>;
  readonly random: Random;
  readonly report: CrashReport;
}

/**
 * Kills the gateway, or another process of its kind, with SIGKILL while creates, stops, starts, execs and deletes are
 * under way, starts the gateway again, and holds it to its word: what it acknowledged is there with the files that
 * were written, what it was asked to delete goes, and the engine has nothing that the store does not know. At the
 * end everything is deleted and the engine must be empty. What is done and killed comes from OPENSHELL_CRASH_SEED.
 */
export async function crashRounds(options: CrashOptions): Promise<void> {
  const seed = Number(process.env.OPENSHELL_CRASH_SEED ?? randomInt(MAX_SEED));
  console.log(`crash rounds: OPENSHELL_CRASH_SEED=${seed}`);
  const report = createCrashReport(options.onEngine);
  const rounds: Rounds = { ...options, asked: new Map(), random: createRandom(seed), report };
  for (let round = 0; round < options.rounds; round++) {
    await crashRound(rounds, round);
  }
  const last = await options.start();
  try {
    await checkAllFiles(last, rounds);
    const names = (await list(last)).map(({ metadata }) => metadata?.name ?? '');
    await Promise.all(names.map((name) => last.client.unary(api.deleteSandbox, { name })));
    await eventually('all rows gone', async () => (await list(last)).length === 0, options.patienceMs);
    assert.deepEqual([...(await options.onEngine())], [], 'resources left on the engine');
  } finally {
    await last.stop();
  }
}

async function crashRound(rounds: Rounds, round: number): Promise<void> {
  const { asked, random, report, start, creates = 3, patienceMs } = rounds;
  const gateway = await start();
  let answered = false;
  const work = Promise.allSettled([
    ...Array.from({ length: creates }, (_, i) => create(gateway, `c${round}-${i}`, asked)),
    ...pick(rounds, 4).map((name) => disturb(gateway, name, rounds)),
  ]).then(() => {
    answered = true;
  });
  await sleep(random(KILL_WITHIN_MS));
  const victims = [{ pid: gateway.pid, what: 'the gateway' }, ...((await rounds.victims?.()) ?? [])];
  const victim = victims[random(victims.length)] as Victim;
  const where = `round ${round}, kill -9 of ${victim.what}`;
  if (rounds.victims !== undefined) {
    console.log(where);
  }
  const isGateway = victim.pid === gateway.pid;
  if (isGateway) {
    await gateway.kill();
    await work;
    report.keep(gateway, `-- round ${round}, killed`);
  } else {
    process.kill(victim.pid, 'SIGKILL');
  }
  const survivor = isGateway ? await start() : gateway;
  try {
    await eventually(`${where}: every request is answered`, () => answered, patienceMs);
    await settled(survivor, rounds, where);
  } catch (error) {
    report.keep(survivor, `-- ${where}, afterwards`);
    throw await report.explain(error);
  } finally {
    await survivor.stop();
  }
  report.keep(survivor, `-- ${where}, afterwards`);
}

async function list(gateway: GatewayProcess): Promise<Sandbox[]> {
  return (await gateway.client.unary(api.listSandboxes, { limit: 1000 })).sandboxes;
}

async function execIn(gateway: GatewayProcess, id: string, script: string): Promise<string> {
  const command = ['sh', '-c', script];
  let text = '';
  let exitCode: number | undefined;
  for await (const { payload } of gateway.client.serverStream(api.execSandbox, { sandboxId: id, command })) {
    if (payload.case === 'stdout') {
      text += Buffer.from(payload.value.data).toString();
    }
    if (payload.case === 'exit') {
      exitCode = payload.value.exitCode;
    }
  }
  assert.equal(exitCode, 0, `'${script}' in ${id}`);
  return text;
}

async function create(gateway: GatewayProcess, name: string, asked: Map<string, Asked>): Promise<void> {
  const entry = { id: '', written: false, deleteAsked: false, deleteAcknowledged: false };
  asked.set(name, entry);
  const { sandbox } = await gateway.client.unary(api.createSandbox, { name });
  const id = sandbox?.metadata?.id ?? '';
  entry.id = id;
  const ready = { id, followStatus: true, stopOnTerminal: true };
  for await (const _ of gateway.client.serverStream(api.watchSandbox, ready)) {
  }
  await execIn(gateway, id, `echo ${name} | dd of=mark conv=fsync 2>/dev/null`);
  entry.written = true;
  await execIn(gateway, id, 'sleep 2');
}

async function disturb(
  gateway: GatewayProcess,
  name: string,
  { asked, random, most = Number.POSITIVE_INFINITY }: Rounds,
): Promise<void> {
  const entry = asked.get(name) as Asked;
  const isCrowded = [...asked.values()].filter((one) => one.id !== '' && !one.deleteAsked).length >= most;
  switch (isCrowded ? 0 : random(3)) {
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
}

function pick({ asked, random }: Rounds, count: number): string[] {
  const names = [...asked].filter(([, entry]) => entry.id !== '' && !entry.deleteAsked).map(([name]) => name);
  const picked: string[] = [];
  while (picked.length < count && names.length > 0) {
    picked.push(...names.splice(random(names.length), 1));
  }
  return picked;
}

/** What was written is there, unless the sandbox turns out not to run: the end of a killed one is seen late. */
async function checkFile(gateway: GatewayProcess, row: Sandbox, rounds: Rounds, where: string) {
  const { name = '', id = '' } = row.metadata ?? {};
  if (rounds.asked.get(name)?.written !== true) {
    return;
  }
  const text = await eventually(
    `${where}: the file of ${name} (${id}) can be read`,
    async () => {
      const read = await execIn(gateway, id, 'cat mark').catch(() => undefined);
      const { sandbox } = await gateway.client.unary(api.getSandbox, { name });
      return read ?? (sandbox?.status?.phase === SandboxPhase.STOPPED && `${name}\n`);
    },
    rounds.patienceMs,
  );
  assert.equal(text, `${name}\n`, `${where}: the file of ${name} (${id})`);
}

/** Those that stand stopped are started, so that no file goes unread. */
async function checkAllFiles(gateway: GatewayProcess, rounds: Rounds): Promise<void> {
  for (const row of await list(gateway)) {
    const name = row.metadata?.name ?? '';
    if (row.status?.phase === SandboxPhase.STOPPED) {
      await gateway.client.unary(api.startSandbox, { name });
    }
    const isReady = async () =>
      (await gateway.client.unary(api.getSandbox, { name })).sandbox?.status?.phase === SandboxPhase.READY;
    await eventually(`${name} runs at the end`, isReady, rounds.patienceMs);
    await checkFile(gateway, row, rounds, 'at the end');
  }
}

async function settled(gateway: GatewayProcess, rounds: Rounds, where: string): Promise<void> {
  const { asked, onEngine, patienceMs } = rounds;
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
    if (entry.deleteAcknowledged) {
      assert.equal(row, undefined, `${where}: deleted, and back: ${row && described(row)}`);
    } else if (entry.id !== '' && !entry.deleteAsked) {
      assert.ok(row, `${where}: ${name} (${entry.id}) was acknowledged and is lost`);
    }
    if (row === undefined) {
      continue;
    }
    // One whose creation was not acknowledged is there all the same, and has to stay from now on.
    entry.id = row.metadata?.id ?? '';
    const phase = row.status?.phase;
    const well = phase === SandboxPhase.READY || phase === SandboxPhase.STOPPED;
    assert.ok(well, `${where}: ${described(row)}, asked was ${JSON.stringify(entry)}`);
    if (phase === SandboxPhase.READY) {
      await checkFile(gateway, row, rounds, where);
    }
  }
  const known = new Set(rows.map((row) => row.metadata?.id));
  await eventually(
    `${where}: nothing on the engine that no row knows`,
    async () => [...(await onEngine()).keys()].every((id) => known.has(id)),
    patienceMs,
  );
}
