import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AgentChannel, openChannel } from '../../dist/agent/channel.js';
import { execThroughAgent } from '../../dist/agent/exec.js';
import type { AgentStream } from '../../dist/agent/stream.js';
import type { ExecSession, ExecSpec } from '../../dist/compute/driver.js';
import { Code } from '../../dist/compute/errors.js';
import { tempFolder } from '../support/folder.js';
import { listen } from '../support/listen.js';
import { collect } from '../support/run.js';
import { agentProgram, soon, startAgent, withAgent } from './agent.js';

const DEFAULTS = { environment: { GREETING: 'from the sandbox' }, user: '', workdir: '/' };

function exec(
  channel: AgentChannel,
  spec: Partial<ExecSpec> & Pick<ExecSpec, 'command'>,
  signal = soon(),
): Promise<ExecSession> {
  return execThroughAgent(
    channel,
    { workdir: '', environment: {}, tty: false, size: undefined, timeoutMs: 0, stdin: false, ...spec },
    DEFAULTS,
    signal,
  );
}

function sh(script: string) {
  return { command: ['/bin/sh', '-c', script] };
}

/** Processes whose environment holds `mark`. */
function marked(mark: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) {
      return false;
    }
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
    } catch {
      return false;
    }
  });
}

const program = await agentProgram();
const options = { skip: program === undefined ? 'musl-gcc is not here' : false };
const agent = program ?? '';

test('argv reaches the program exactly as given', options, () =>
  withAgent(agent, async (channel) => {
    const awkward = ['a b', '', '"quoted"', '$HOME', 'line\nbreak', 'ünï', '-n'];
    const result = await collect(await exec(channel, { command: ['/usr/bin/printf', '<%s>', ...awkward] }));
    assert.equal(result.stdout, awkward.map((text) => `<${text}>`).join(''));
    assert.equal(result.exitCode, 0);
  }),
);

test('stdout and stderr stay apart, the exit code comes after them', options, () =>
  withAgent(agent, async (channel) => {
    const result = await collect(await exec(channel, sh('echo out; echo err >&2; exit 37')));
    assert.deepEqual(result, { stdout: 'out\n', stderr: 'err\n', exitCode: 37 });
  }),
);

test('a process ended by a signal reports 128 and its number', options, () =>
  withAgent(agent, async (channel) => {
    assert.equal((await collect(await exec(channel, sh('kill -9 $$')))).exitCode, 137);
  }),
);

test('environment and working directory: defaults, and what the spec says instead', options, () =>
  withAgent(agent, async (channel) => {
    const script = 'echo "$GREETING $EXTRA"; pwd; test -n "$PATH" && test -n "$HOME"';
    const plain = await collect(await exec(channel, sh(script)));
    assert.deepEqual(plain, { stdout: 'from the sandbox \n/\n', stderr: '', exitCode: 0 });
    const given = await exec(channel, {
      ...sh(script),
      environment: { GREETING: 'a=b', EXTRA: '1 2' },
      workdir: '/usr',
    });
    assert.equal((await collect(given)).stdout, 'a=b 1 2\n/usr\n');
  }),
);

test('what cannot be run ends as a shell would end it', options, () =>
  withAgent(agent, async (channel) => {
    const { path: folder, remove } = tempFolder();
    try {
      const junk = join(folder, 'junk');
      await writeFile(junk, '\x7fELF', { mode: 0o755 });
      await writeFile(join(folder, 'plain'), 'x', { mode: 0o644 });
      await symlink('loop', join(folder, 'loop'));
      const cases: [Partial<ExecSpec> & { command: string[] }, number, string][] = [
        [{ command: ['/no-such-program'] }, 127, '/no-such-program: no such file or directory'],
        [{ command: ['no-such-program'] }, 127, 'no-such-program: command not found'],
        [{ command: [''] }, 127, ': command not found'],
        [{ command: ['/dev/null/x'] }, 127, '/dev/null/x: not a directory'],
        [{ command: ['/'] }, 126, '/: permission denied'],
        [{ command: [join(folder, 'plain')] }, 126, `${folder}/plain: permission denied`],
        [{ command: [junk] }, 126, `${junk}: exec format error`],
        [{ command: [join(folder, 'loop')] }, 127, `${folder}/loop: no such file or directory`],
        [{ command: ['true', 'x'.repeat(200_000)] }, 126, 'true: argument list too long'],
        [
          { ...sh('true'), workdir: '/no-such-place' },
          126,
          '/no-such-place: cannot be the working directory',
        ],
        [{ ...sh('true'), workdir: '/dev/null' }, 126, '/dev/null: cannot be the working directory'],
      ];
      for (const [spec, code, line] of cases) {
        assert.deepEqual(await collect(await exec(channel, spec)), {
          stdout: '',
          stderr: `openshell: exec: ${line}\n`,
          exitCode: code,
        });
      }
      const terminal = await exec(channel, { command: ['/nope'], tty: true, stdin: true });
      assert.deepEqual(await collect(terminal), {
        stdout: 'openshell: exec: /nope: no such file or directory\r\n',
        stderr: '',
        exitCode: 127,
      });
      assert.equal((await collect(await exec(channel, sh('true')))).exitCode, 0);
    } finally {
      remove();
    }
  }),
);

test('a user that is not there stays INVALID_ARGUMENT', options, () =>
  withAgent(agent, async (channel) => {
    const records = [['a', '/bin/true'] as const, ['u', 'ghost'] as const];
    await assert.rejects(channel.spawn(records, soon()), {
      code: Code.INVALID_ARGUMENT,
      reason: 'UnknownUser',
    });
  }),
);

test("the main process's stdin stays open under another host, and until it is closed", options, async () => {
  const running = startAgent(agent);
  try {
    const first = await openChannel(running.wire, { signal: soon(), resume: false });
    const asked: [string, string][] = [
      ['a', '/bin/sh'],
      ['u', ''],
      ['d', '/'],
      ['m', ''],
      ['i', ''],
    ];
    const said = async (main: AgentStream | undefined, word: string) => {
      main?.input.write(`echo ${word}\n`);
      const next = await main?.output[Symbol.asyncIterator]().next();
      assert.equal(String(next?.value?.data), `${word}\n`);
    };
    await said(await first.spawn(asked, soon()), 'one');
    running.wire.removeAllListeners('data');
    const second = await openChannel(running.wire, { signal: soon(), resume: true });
    await said(second.main, 'two');
    // No process beside it has the other end.
    void exec(second, sh('sleep 60')).then(({ exitCode }) => exitCode.catch(() => {}));
    await second.ping(soon());
    second.main?.input.end();
    assert.equal((await second.main?.exit)?.code, 0);
  } finally {
    running.stop();
  }
});

test('8 MiB go in and come out unchanged, through windows of 256 KiB', options, () =>
  withAgent(agent, async (channel) => {
    const data = randomBytes(8 * 1024 * 1024);
    const session = await exec(channel, { command: ['cat'], stdin: true });
    session.stdin?.end(data);
    const hash = createHash('sha256');
    for await (const chunk of session.output) {
      hash.update(chunk.data);
    }
    assert.equal(hash.digest('hex'), createHash('sha256').update(data).digest('hex'));
    assert.equal(await session.exitCode, 0);
  }),
);

test('a reader that does not read holds its process back, and nobody else', options, () =>
  withAgent(agent, async (channel) => {
    const flood = await exec(channel, sh('yes'));
    for (let i = 0; i < 20; i++) {
      assert.equal((await collect(await exec(channel, sh('echo on')))).stdout, 'on\n');
    }
    let bytes = 0;
    for await (const { data } of flood.output) {
      bytes += data.length;
      if (bytes > 4 * 1024 * 1024) {
        break;
      }
    }
  }),
);

test('without stdin a process reads end of file', options, () =>
  withAgent(agent, async (channel) => {
    assert.deepEqual(await collect(await exec(channel, { command: ['cat'] })), {
      stdout: '',
      stderr: '',
      exitCode: 0,
    });
  }),
);

test('a program that never reads its stdin does not hold the writer', options, () =>
  withAgent(agent, async (channel) => {
    const session = await exec(channel, { command: ['true'], stdin: true });
    session.stdin?.end(Buffer.alloc(2 * 1024 * 1024));
    assert.equal((await collect(session)).exitCode, 0);
  }),
);

test('a terminal: its size, a resize, and one stream for all output', options, () =>
  withAgent(agent, async (channel) => {
    const session = await exec(channel, {
      ...sh('test -t 0 && stty size; read line; stty size; echo $line >&2'),
      tty: true,
      size: { cols: 91, rows: 17 },
      stdin: true,
    });
    await session.resize({ cols: 120, rows: 40 });
    session.stdin?.end('typed\n');
    const { stdout, stderr, exitCode } = await collect(session);
    assert.equal(stderr, '');
    assert.equal(exitCode, 0);
    assert.match(stdout, /40 120/);
    assert.match(stdout, /typed/);
  }),
);

test('a timeout ends the process and its children with 124', options, () =>
  withAgent(agent, async (channel) => {
    const mark = `AGENT_TEST_MARK=${randomBytes(8).toString('hex')}`;
    const [key = '', value = ''] = mark.split('=');
    const session = await exec(channel, {
      ...sh('trap "" TERM; (trap "" TERM; sleep 600) & sleep 600 & wait; wait'),
      environment: { [key]: value },
      timeoutMs: 300,
    });
    assert.equal((await collect(session)).exitCode, 124);
    assert.deepEqual(marked(mark), []);
  }),
);

test('an abort ends the process, its children too, and rejects the exit code', options, () =>
  withAgent(agent, async (channel) => {
    const mark = `AGENT_TEST_MARK=${randomBytes(8).toString('hex')}`;
    const [key = '', value = ''] = mark.split('=');
    const abort = new AbortController();
    const session = await exec(
      channel,
      { ...sh('sleep 600 & sleep 600 & echo up; wait'), environment: { [key]: value } },
      abort.signal,
    );
    for await (const { data } of session.output) {
      assert.equal(Buffer.from(data).toString(), 'up\n');
      break;
    }
    abort.abort();
    await assert.rejects(session.exitCode, { code: Code.CANCELLED });
    assert.deepEqual(marked(mark), []);
  }),
);

test('a child left in the background does not hold up the exit', options, () =>
  withAgent(agent, async (channel) => {
    const session = await exec(channel, sh('sleep 600 & echo $!'));
    const { stdout, exitCode } = await collect(session);
    assert.equal(exitCode, 0);
    process.kill(Number(stdout.trim()), 'SIGKILL');
  }),
);

test('a connection to a port inside carries bytes both ways', options, () =>
  withAgent(agent, async (channel) => {
    const { createServer } = await import('node:net');
    const server = createServer((socket) => socket.pipe(socket));
    const port = await listen(server);
    const stream = await channel.connect(port, soon());
    stream.input.end('echo me');
    const parts: Buffer[] = [];
    for await (const { data } of stream.output) {
      parts.push(Buffer.from(data));
    }
    assert.equal(Buffer.concat(parts).toString(), 'echo me');
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(channel.connect(port, soon()), { code: Code.UNAVAILABLE });
  }),
);

test('figures are numbers', options, () =>
  withAgent(agent, async (channel) => {
    const figures = await channel.figures(soon());
    assert.ok((figures.get('memory_total_bytes') ?? 0) > 1024 * 1024);
    await channel.renew(soon());
    await channel.ping(soon());
  }),
);

test(
  'a second host takes over in the middle of a frame, and the main process lives on',
  options,
  async () => {
    const running = startAgent(agent);
    try {
      const first = await openChannel(running.wire, { signal: soon(), resume: false });
      const main = await first.spawn([['m', '']], soon());
      const flood = await exec(first, sh('yes'));
      void flood;
      // A frame that says 1,000 bytes and brings three.
      running.wire.write(Buffer.from('4f5305000500000000040000aabbcc', 'hex'));
      running.wire.removeAllListeners('data');
      const second = await openChannel(running.wire, { signal: soon(), resume: true });
      assert.equal(second.state.main, 'running');
      assert.equal((await collect(await exec(second, sh('echo on')))).stdout, 'on\n');
      void main;
      second.main?.end(1000);
      assert.equal((await second.main?.exit)?.code, 0);
    } finally {
      running.stop();
    }
  },
);
