import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHome } from './support.js';

const { problems, tomlProblems, iniProblems } = createHome();

function gateway(line: string): string {
  return `[openshell.gateway]\n${line}\n`;
}

test('every problem is told at once, each with its place', async () => {
  const situation = {
    argv: ['--port', 'x'],
    env: { OPENSHELL_LOG_LEVEL: 'inof' },
    files: {
      'gateway.toml':
        '[openshell.gateway]\nlog_levl = "info"\n\n[openshell.drivers.docker]\npids_limit = -1\n',
    },
  };
  assert.deepEqual(await problems(situation), [
    '~/gateway.toml:2: openshell.gateway.log_levl: unknown key; did you mean "log_level"?',
    '--port: must be a whole number from 0 to 65535, not "x"',
    'OPENSHELL_LOG_LEVEL: openshell.gateway.log_level: must be trace, debug, info, warn or error, not "inof"; did you mean "info"?',
    '~/gateway.toml:5: openshell.drivers.docker.pids_limit: must be a whole number from 0 to 4096 processes, not -1',
  ]);
});

const TOML_CASES: readonly (readonly [what: string, text: string, problem: string])[] = [
  ['not TOML', 'a = 1\nb = ]\n', '~/gateway.toml:2: not valid TOML: invalid value (column 5)'],
  [
    'an unknown table',
    '[openshell.gatway]\n',
    '~/gateway.toml:1: openshell.gatway: unknown key; did you mean "gateway"?',
  ],
  ['a foreign table', '[server]\n', '~/gateway.toml:1: server: unknown key; known: openshell'],
  [
    'an unknown key far from all others',
    '[openshell.gateway.auth]\nzzzzzz = 1\n',
    '~/gateway.toml:2: openshell.gateway.auth.zzzzzz: unknown key; known: allow_unauthenticated_users',
  ],
  [
    'a future version',
    '[openshell]\nversion = 2\n',
    '~/gateway.toml:2: openshell.version: must be a whole number from 0 to 1, not 2',
  ],
  [
    'a string where a list belongs',
    gateway('compute_drivers = "docker"'),
    '~/gateway.toml:2: openshell.gateway.compute_drivers: must be a list of strings, not "docker"',
  ],
  [
    'a list with a number',
    gateway('compute_drivers = ["docker", 7]'),
    '~/gateway.toml:2: openshell.gateway.compute_drivers: must be a list of strings, but one item is an integer',
  ],
  [
    'a boolean as text',
    gateway('disable_tls = "true"'),
    '~/gateway.toml:2: openshell.gateway.disable_tls: must be true or false, not "true"',
  ],
  [
    'a number where a string belongs',
    gateway('log_level = 3'),
    '~/gateway.toml:2: openshell.gateway.log_level: must be a string, not an integer',
  ],
  [
    'a value where a table belongs',
    gateway('tls = "on"'),
    '~/gateway.toml:2: openshell.gateway.tls: must be a table, not a string',
  ],
  [
    'a fraction',
    '[openshell.drivers.docker]\npids_limit = 1.5\n',
    '~/gateway.toml:2: openshell.drivers.docker.pids_limit: must be a whole number from 0 to 4096 processes, not a fraction',
  ],
  [
    'a secret of the wrong form, which is not repeated',
    '[openshell.drivers.docker]\ntoken = "HUSH1"\n',
    '~/gateway.toml:2: openshell.drivers.docker.token: must match ^[a-z]+$, not the given secret',
  ],
  [
    'a key of an inner table of a driver',
    '[openshell.drivers.docker.proxy]\n\nretrys = 1\n',
    '~/gateway.toml:3: openshell.drivers.docker.proxy.retrys: unknown key; did you mean "retries"?',
  ],
  [
    'drivers that are no table',
    '[openshell]\ndrivers = 1\n',
    '~/gateway.toml:2: openshell.drivers: must contain a table for each driver',
  ],
  [
    'a known driver that is no table',
    '[openshell.drivers]\nvm = 1\n',
    '~/gateway.toml:2: openshell.drivers.vm: must be a table',
  ],
  [
    'a driver that is not ours with keys',
    '[openshell.drivers.dokcer]\npids_limit = 1\n',
    '~/gateway.toml:2: openshell.drivers.dokcer.pids_limit: unknown key; an external driver has only the key socket_path; did you mean the driver "docker"?',
  ],
  [
    'a driver that is not ours without a socket',
    '[openshell.drivers.firecracker]\n',
    '~/gateway.toml:1: openshell.drivers.firecracker: requires socket_path, the gRPC socket of an external driver',
  ],
  [
    'the database in the file',
    gateway('database_url = "postgres://u:secret@h/d"'),
    '~/gateway.toml:2: openshell.gateway.database_url: not a key of the file, which may be world-readable; use --db-url or OPENSHELL_DB_URL',
  ],
  [
    'a host name',
    gateway('bind_address = "localhost:1"'),
    '~/gateway.toml:2: openshell.gateway.bind_address: must be an IP address with or without a port, as in 127.0.0.1:17670, not "localhost:1"',
  ],
  [
    'a port out of range',
    gateway('bind_address = "127.0.0.1:65536"'),
    '~/gateway.toml:2: openshell.gateway.bind_address: must be an IP address with or without a port, as in 127.0.0.1:17670, not "127.0.0.1:65536"',
  ],
  [
    'a health address without a port',
    gateway('health_bind_address = "127.0.0.1"'),
    '~/gateway.toml:2: openshell.gateway.health_bind_address: requires a port, as in 127.0.0.1:8081',
  ],
  [
    'a driver twice',
    gateway('compute_drivers = ["docker", " Docker"]'),
    '~/gateway.toml:2: openshell.gateway.compute_drivers: names the driver "docker" twice',
  ],
  [
    'a driver with a bad name',
    gateway('compute_drivers = ["do cker"]'),
    '~/gateway.toml:2: openshell.gateway.compute_drivers: a driver\'s name consists of A-Z a-z 0-9 _ and -, not "do cker"',
  ],
  [
    'a bad gateway id',
    gateway('gateway_id = "-x"'),
    '~/gateway.toml:2: openshell.gateway.gateway_id: must be 1 to 63 characters a-z 0-9 and -, not beginning or ending with -, not "-x"',
  ],
  [
    'a blank image',
    gateway('default_image = " "'),
    '~/gateway.toml:2: openshell.gateway.default_image: must not be blank',
  ],
  [
    'a telemetry endpoint of another kind',
    '[openshell.telemetry]\nendpoint = "ftp://h/"\n',
    '~/gateway.toml:2: openshell.telemetry.endpoint: must be an http:// or https:// URL',
  ],
  [
    'a text with control characters, which are shown escaped',
    gateway('log_level = "\\u001b[2J\\u009b"'),
    '~/gateway.toml:2: openshell.gateway.log_level: must be trace, debug, info, warn or error, not "\\u001b[2J\\u009b"',
  ],
];

for (const [what, text, problem] of TOML_CASES) {
  test(`TOML: ${what}`, async () => assert.deepEqual(await tomlProblems(text), [problem]));
}

const INI_CASES: readonly (readonly [what: string, text: string, problem: string])[] = [
  [
    'a line that is nothing',
    'hello\n',
    '~/gateway.ini:1: neither a [section], nor key = value, nor a comment',
  ],
  [
    'an open section header',
    '[openshell\n',
    '~/gateway.ini:1: a section header is [name], with nothing but a comment after it',
  ],
  [
    'an empty section name',
    '[openshell..gateway]\n',
    '~/gateway.ini:1: a section name consists of words separated by dots',
  ],
  [
    'a key twice',
    '[openshell.gateway]\nlog_level = info\n[openshell.gateway]\nlog_level = warn\n',
    '~/gateway.ini:4: openshell.gateway.log_level is already set on line 2',
  ],
  [
    'a key that is a section too',
    '[openshell.gateway.tls]\n[openshell.gateway]\ntls = 1\n',
    '~/gateway.ini:3: openshell.gateway.tls is already a section on line 1',
  ],
  [
    'a section that is a key too',
    '[openshell.gateway]\ntls = 1\n[openshell.gateway.tls]\n',
    '~/gateway.ini:3: openshell.gateway.tls is a section here and a value on line 2',
  ],
  [
    'an open quote',
    '[openshell.gateway]\ndefault_image = "a\n',
    '~/gateway.ini:2: the quoted value of openshell.gateway.default_image is not closed, or text follows it',
  ],
  [
    'text behind a quoted value',
    "[openshell.gateway]\ndefault_image = 'a' b\n",
    '~/gateway.ini:2: the quoted value of openshell.gateway.default_image is not closed, or text follows it',
  ],
  [
    'a bad key',
    '[openshell.gateway]\n__proto__ = 1\n',
    '~/gateway.ini:2: a key is one word, followed by [] for an item of a list',
  ],
  [
    'a list where a string belongs',
    '[openshell.gateway]\nlog_level[] = info\n',
    '~/gateway.ini:2: openshell.gateway.log_level: must be a string, not a list',
  ],
  [
    'no whole number',
    '[openshell.drivers.docker]\npids_limit = many\n',
    '~/gateway.ini:2: openshell.drivers.docker.pids_limit: must be a whole number from 0 to 4096 processes, not "many"',
  ],
  [
    'no boolean',
    '[openshell.gateway]\ndisable_tls = maybe\n',
    '~/gateway.ini:2: openshell.gateway.disable_tls: must be true or false, not "maybe"',
  ],
  [
    'an unknown key',
    '[openshell.gateway]\n\nlog_levle = info\n',
    '~/gateway.ini:3: openshell.gateway.log_levle: unknown key; did you mean "log_level"?',
  ],
];

for (const [what, text, problem] of INI_CASES) {
  test(`INI: ${what}`, async () => assert.deepEqual(await iniProblems(text), [problem]));
}

const PLACE_CASES: readonly (readonly [
  what: string,
  situation: Parameters<typeof problems>[0],
  problem: string,
])[] = [
  [
    'both files',
    { files: { 'gateway.toml': '', 'gateway.ini': '' } },
    '~: contains gateway.toml and gateway.ini; remove one, or name one with --config',
  ],
  [
    'two that cannot be read, whatever they are',
    { files: { 'gateway.toml': null, 'gateway.ini': null } },
    '~/gateway.toml: cannot be read: it is a folder',
  ],
  [
    'one that cannot be read beside one that can',
    { files: { 'gateway.toml': '', 'gateway.ini': null } },
    '~/gateway.ini: cannot be read: it is a folder',
  ],
  [
    'a named file that is missing',
    { argv: ['--config', '/nowhere/g.toml'] },
    '--config: cannot read "/nowhere/g.toml": there is no such file',
  ],
  [
    'a named folder',
    { env: { OPENSHELL_GATEWAY_CONFIG: '/' } },
    'OPENSHELL_GATEWAY_CONFIG: cannot read "/": it is a folder',
  ],
  [
    'a file of another kind',
    { argv: ['--config', '/etc/hostname'] },
    '/etc/hostname: the name of a configuration file must end in .toml or .ini',
  ],
  ['bytes', { files: { 'gateway.toml': Uint8Array.of(0x61, 0xff) } }, '~/gateway.toml: is not UTF-8 text'],
  [
    'a huge file',
    { files: { 'gateway.ini': '#'.repeat(1024 * 1024 + 1) } },
    '~/gateway.ini: is larger than 1048576 bytes, too much for a configuration file',
  ],
  [
    'a database of another kind, without its password',
    { argv: ['--db-url', 'postgres://u:secret@h/d'] },
    '--db-url: there is no store for the scheme "postgres"; use sqlite:',
  ],
  [
    'a mistyped scheme',
    { argv: ['--db-url', 'sqlte:/a.db'] },
    '--db-url: there is no store for the scheme "sqlte"; did you mean \'sqlite:\'?',
  ],
  [
    'a database without a scheme',
    { env: { OPENSHELL_DB_URL: '/a.db' } },
    'OPENSHELL_DB_URL: --db-url: must be a URL such as sqlite:PATH',
  ],
  [
    'a database in memory',
    { argv: ['--db-url', 'sqlite::memory:'] },
    '--db-url: must name a file, as in sqlite:/var/lib/openshell/openshell.db',
  ],
  [
    'a parameter of a database',
    { argv: ['--db-url', 'sqlite:/a?cache=shared'] },
    "--db-url: the parameters behind '?' are not supported; use sqlite:PATH",
  ],
];

for (const [what, situation, problem] of PLACE_CASES) {
  test(`place: ${what}`, async () => assert.deepEqual(await problems(situation), [problem]));
}
