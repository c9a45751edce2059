import assert from 'node:assert/strict';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine } from '../../dist/compute/driver.js';
import { silentLogger } from '../../dist/compute/log.js';
import { createLogFile, type LogFile } from '../../dist/drivers/vm/process/sandboxes/log-file.js';
import { inFolder } from '../support/folder.js';
import { growthDuring } from '../support/growth.js';
import { times } from '../support/soak.js';
import { toArray } from '../support/streams.js';

const MIB = 1024 * 1024;
const MOST_GROWTH_MIB = 64;
const signal = AbortSignal.timeout(120_000);
const follow = { follow: true, tail: 0, sinceMs: 0, signal };
const all = { follow: false, tail: undefined, sinceMs: 0, signal };
function live() {
  return true;
}

function withLog(body: (log: LogFile, folder: string) => Promise<void>) {
  return inFolder((folder) => body(createLogFile(folder, silentLogger), folder));
}

async function messages(lines: AsyncIterable<LogLine>): Promise<string[]> {
  return (await toArray(lines)).map(({ message }) => message);
}

function print(log: LogFile, text: string) {
  return log.write('stdout', Buffer.from(text));
}

function numbers(from: number, to: number) {
  return Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
}

test('the last lines, those since a time, and all of them', () =>
  withLog(async (log) => {
    await print(log, `${numbers(0, 5_000).join('\n')}\n`);
    await sleep(5);
    const sinceMs = Date.now();
    await print(log, `${numbers(5_000, 10_000).join('\n')}\nno end yet`);
    const lines = numbers(0, 10_000);
    assert.deepEqual(await messages(log.read(all, live)), lines);
    for (const tail of [0, 1, 2, 7_000, 9_999, 10_000, 20_000]) {
      assert.deepEqual(
        await messages(log.read({ ...all, tail }, live)),
        tail === 0 ? [] : lines.slice(-tail),
      );
    }
    assert.deepEqual(await messages(log.read({ ...all, sinceMs }, live)), lines.slice(5_000));
    assert.deepEqual(await messages(log.read({ ...all, sinceMs, tail: 3 }, live)), lines.slice(-3));
    await log.flush();
    assert.deepEqual(await messages(log.read({ ...all, tail: 1 }, live)), ['no end yet']);
    assert.deepEqual(await messages(log.read({ ...follow, tail: 1 }, () => false)), ['no end yet']);
  }));

test('who follows hears each line once, in order, until the end', () =>
  withLog(async (log) => {
    const heard = [
      messages(log.read(follow, live)),
      messages(log.read({ ...follow, tail: undefined }, live)),
    ];
    await log.flush();
    for (let at = 0; at < 2_000; at += 10) {
      await print(log, `${numbers(at, at + 10).join('\n')}\n`);
    }
    log.ended();
    for (const lines of heard) {
      assert.deepEqual(await lines, numbers(0, 2_000));
    }
  }));

test('what a slow reader misses is told in its place, and all the rest comes', () =>
  withLog(async (log, folder) => {
    const reader = log.read(follow, live);
    const first = reader.next();
    await print(log, 'first\n');
    assert.equal((await first).value?.message, 'first');
    const line = 'x'.repeat(10_000);
    let written = 0;
    for (; written < 6_000; written += 100) {
      await print(log, `${line}\n`.repeat(100));
    }
    log.ended();
    const rest = await messages(reader);
    const marks = rest.filter((text) => text !== line);
    assert.equal(marks.length, 1, marks.join());
    const lost = Number(/^\[openshell: (\d+) bytes of this log are missing here/.exec(marks[0] ?? '')?.[1]);
    const row = `${Date.now()} o ${line}\n`.length;
    assert.equal(lost / row + rest.length - 1, written);
    for (const name of await readdir(folder)) {
      assert.ok((await stat(join(folder, name))).size < 12 * MIB);
    }
  }));

test('lines that no disk takes reach who follows, as many as fit', () =>
  withLog(async (log, folder) => {
    const reader = log.read(follow, live);
    const first = reader.next();
    await print(log, 'first\n');
    await first;
    await rm(folder, { recursive: true });
    for (let at = 0; at < 10_000; at += 100) {
      await print(log, `${numbers(at, at + 100).join('\n')}\n`);
    }
    log.ended();
    const rest = await messages(reader);
    const heard = rest.slice(0, -1);
    assert.deepEqual(heard, numbers(0, heard.length));
    assert.ok(heard.length > 100 && heard.length < 5_000, `${heard.length} lines`);
    assert.match(rest.at(-1) ?? '', /^\[openshell: \d+ bytes of this log are missing here/);
  }));

test('a storm of newlines costs no memory, however slowly somebody follows', () =>
  withLog(async (log) => {
    const leave = new AbortController();
    const slow = async () => {
      for await (const _ of log.read({ ...follow, signal: leave.signal }, live)) {
        await sleep(5);
      }
    };
    const followers = Array.from({ length: 3 }, slow);
    const storm = Buffer.alloc(32 * 1024, '\n');
    const [growth] = await growthDuring([process.pid], async () => {
      for (let i = 0; i < times(128, 4_096); i++) {
        await log.write('stdout', storm);
      }
      await messages(log.read({ ...all, tail: 100_000 }, live));
    });
    leave.abort();
    await Promise.all(followers);
    assert.ok((growth ?? 0) < MOST_GROWTH_MIB, `${growth} MiB`);
  }));
