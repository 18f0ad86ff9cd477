import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { installScript } from '../../../lib/bundle/install-script.ts';
import { readTar } from '../../../lib/bundle/tar.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { someGroup, someTime } from '../../factories.ts';
import { lacks, run } from './command.ts';
import { request } from './request.ts';
import { someBundler, someDps } from './some-bundle.ts';

/*
 * The script really runs, into a prefix. Only the commands that would change this machine (id, chown, iotedge, systemctl)
 * are replaced, by programs on PATH that record their calls.
 */

const skip = lacks('openssl');

/** A device in a directory: its root file system, its commands, and the unpacked bundle. */
class Device {
  readonly directory = mkdtempSync(join(tmpdir(), 'device-'));
  readonly root = join(this.directory, 'root');
  readonly bundle = join(this.directory, 'bundle');
  readonly #commands = join(this.directory, 'bin');
  readonly #calls = join(this.directory, 'calls');

  constructor({ version = '1.6.0', distribution = 'ID=debian\nVERSION_ID="12"\n' } = {}) {
    for (const path of [this.root, this.bundle, this.#commands]) mkdirSync(path);
    this.write('/etc/os-release', distribution);
    this.command('id', '[ $# -eq 1 ] && echo "$TEST_UID"; exit 0');
    this.command('chown', '');
    this.command('systemctl', '');
    this.command('iotedge', `[ "$1" != --version ] || echo "iotedge ${version}"`);
  }

  /** Replaces a command by lines of shell. */
  command(name: string, body: string): void {
    const file = join(this.#commands, name);
    writeFileSync(file, `#!/bin/sh\necho "${name} $*" >>"${this.#calls}"\n${body}\n`);
    chmodSync(file, 0o755);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  read = (path: string) => readFileSync(join(this.root, path), 'utf8');
  mode = (path: string) => (statSync(join(this.root, path)).mode & 0o777).toString(8);
  has = (path: string) => existsSync(join(this.root, path));

  unpack(tar: Buffer): void {
    for (const { path, mode, body } of readTar(tar)) {
      const file = join(this.bundle, path.split('/').slice(1).join('/'));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, body, { mode });
    }
  }

  /** @returns the output and exit code of the script, and the commands that it called */
  install(...args: string[]) {
    return this.installAs('0', ...args);
  }

  installAs(uid: string, ...args: string[]) {
    writeFileSync(this.#calls, '');
    const env = { PATH: `${this.#commands}:${process.env['PATH']}`, TEST_UID: uid };
    const ended = run('sh', [join(this.bundle, 'install.sh'), '--root', this.root, ...args], { env });
    const calls = readFileSync(this.#calls, 'utf8')
      .trim()
      .split('\n')
      .filter((call) => !/^(?:id|iotedge --version|$)/.test(call));
    return { ...ended, calls };
  }

  [Symbol.dispose]() {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function someDevice(
  input: Partial<GroupInput> = {},
  options: ConstructorParameters<typeof Device>[0] = {},
): Promise<Device> {
  const device = new Device(options);
  const { bundle } = await someBundler(input);
  device.unpack(await bundle('gw-1', input.keyCustody === 'device' ? request('gw-1') : undefined));
  return device;
}

describe('install.sh', { skip }, () => {
  it('installs every file where the services read it, applies and checks', async () => {
    using device = await someDevice({ edgeCa: 'issued' });
    const { status, output, calls } = device.install();
    assert.equal(status, 0, output);
    for (const [path, mode] of [
      ['/var/aziot/certs', '755'],
      ['/var/aziot/secrets', '700'],
      ['/var/aziot/certs/device-identity.full-chain.pem', '644'],
      ['/var/aziot/certs/edge-ca.full-chain.pem', '644'],
      ['/var/aziot/certs/trust-bundle.pem', '644'],
      ['/var/aziot/secrets/device-identity.key.pem', '600'],
      ['/var/aziot/secrets/edge-ca.key.pem', '600'],
      ['/etc/aziot/config.toml', '600'],
    ] as const) {
      assert.equal(device.mode(path), mode, path);
    }
    // Every file that the configuration names is there.
    for (const [, path = ''] of device.read('/etc/aziot/config.toml').matchAll(/"file:\/\/(\/[^"]+)"/g))
      assert.ok(device.has(path), path);
    const owners = (path: string) =>
      calls
        .filter((call) => call.startsWith('chown') && call.endsWith(path))
        .at(-1)
        ?.split(' ')[1];
    assert.equal(owners('/var/aziot/certs/device-identity.full-chain.pem'), 'aziotcs:');
    assert.equal(owners('/var/aziot/secrets/device-identity.key.pem'), 'aziotks:');
    assert.equal(owners('/var/aziot/secrets/edge-ca.key.pem'), 'aziotks:');
    assert.equal(owners('/var/aziot/secrets'), 'aziotks:');
    assert.equal(owners('/etc/aziot/config.toml'), 'root:');
    assert.deepEqual(
      calls.filter((call) => call.startsWith('iotedge')),
      ['iotedge config apply', 'iotedge check'],
    );
    assert.ok(!device.has('/var/backups/iotedge-bundle/pending'));
  });

  it('changes nothing the second time', async () => {
    using device = await someDevice();
    device.install();
    const before = readdirSync(device.root, { recursive: true }).sort();
    const { status, output, calls } = device.install();
    assert.equal(status, 0, output);
    assert.match(output, /nothing to apply/);
    assert.deepEqual(
      calls.filter((call) => call.startsWith('iotedge')),
      ['iotedge check'],
    );
    assert.deepEqual(readdirSync(device.root, { recursive: true }).sort(), before);
  });

  it('only prints what it would do with --dry-run, which does not need root', async () => {
    using device = await someDevice();
    device.write('/etc/aziot/config.toml', 'old');
    const before = readdirSync(device.root, { recursive: true }).sort();
    const { status, output, calls } = device.installAs('1000', '--dry-run');
    assert.equal(status, 0, output);
    assert.match(output, /would write: .*device-identity\.key\.pem \(aziotks, 600\)/);
    assert.match(output, /would keep: .*config\.toml/);
    assert.match(output, /would run: iotedge config apply/);
    assert.deepEqual(calls, []);
    assert.deepEqual(readdirSync(device.root, { recursive: true }).sort(), before);
    assert.equal(device.read('/etc/aziot/config.toml'), 'old');
  });

  it('keeps a backup of the files that it replaces', async () => {
    using device = await someDevice();
    device.write('/etc/aziot/config.toml', 'old configuration');
    device.write('/var/aziot/secrets/device-identity.key.pem', 'old key');
    const { output } = device.install();
    const kept = [...output.matchAll(/^kept: (.*)$/gm)].map(([, path = '']) => path);
    assert.deepEqual(
      kept.map((path) => readFileSync(path, 'utf8')),
      ['old key', 'old configuration'],
    );
    assert.equal(device.mode('/var/backups/iotedge-bundle'), '700');
    assert.match(device.read('/etc/aziot/config.toml'), /registration_id = "gw-1"/);
  });

  it('applies the configuration when it is run again after a failure', async () => {
    using device = await someDevice();
    device.command('iotedge', '[ "$1" != --version ] || echo "iotedge 1.6.0"; [ "$1" != config ] || exit 5');
    const broken = device.install();
    assert.equal(broken.status, 4);
    assert.match(broken.output, /broken off; what was replaced is in/);
    device.command('iotedge', '[ "$1" != --version ] || echo "iotedge 1.6.0"');
    const again = device.install();
    assert.equal(again.status, 0, again.output);
    assert.ok(again.calls.includes('iotedge config apply'));
    assert.equal(device.install().calls.includes('iotedge config apply'), false);
  });

  it('ends with the same files wherever it was killed', async () => {
    using device = await someDevice();
    const state = () =>
      readdirSync(device.root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.parentPath.includes('/var/backups'))
        .map((entry) => {
          const path = join(entry.parentPath, entry.name).slice(device.root.length);
          return `${path} ${device.mode(path)} ${device.read(path)}`;
        })
        .sort();
    assert.equal(device.install().status, 0);
    const expected = state();

    // Each run is killed after another one of the commands that change something.
    const counter = join(device.directory, 'counter');
    let killed = 0;
    for (let call = 1; ; call++) {
      for (const path of ['var', 'etc/aziot']) rmSync(join(device.root, path), { recursive: true, force: true });
      writeFileSync(counter, '0');
      const count = `n=$(($(cat "${counter}") + 1)); echo $n >"${counter}"; [ $n -ne ${call} ] || kill -9 $PPID`;
      device.command('chown', count);
      device.command('chmod', `command -p chmod "$@"\n${count}`);
      device.command('mv', `command -p mv "$@"\n${count}`);
      device.command('iotedge', `case $1 in --version) echo "iotedge 1.6.0" ;; config) ${count} ;; esac`);
      if (device.install().status === 0) break;
      killed += 1;
      const again = device.install();
      assert.equal(again.status, 0, `killed at call ${call}: ${again.output}`);
      assert.deepEqual(state(), expected, `killed at call ${call}`);
      assert.ok(!device.has('/var/backups/iotedge-bundle/pending'));
      // The next run applies what the killed run wrote.
      assert.ok(again.calls.includes('iotedge config apply'), `killed at call ${call}`);
    }
    assert.ok(killed > 15, `only ${killed} calls were cut`);
  });

  it('exits with 4 when a file cannot be written', async () => {
    using device = await someDevice();
    // A directory where the file should go.
    mkdirSync(join(device.root, '/etc/aziot/config.toml/x'), { recursive: true });
    const { status, output, calls } = device.install();
    assert.equal(status, 4, output);
    assert.ok(!calls.includes('iotedge config apply'));
  });

  it('reports that iotedge check found faults', async () => {
    using device = await someDevice();
    device.command('iotedge', 'case $1 in --version) echo "iotedge 1.6.0" ;; check) exit 1 ;; esac');
    const { status, output } = device.install();
    assert.equal(status, 3);
    assert.match(output, /installed, but iotedge check found faults/);
  });

  it('installs for 1.1', async () => {
    using device = await someDevice({ target: 'iotedge-1.1', edgeCa: 'issued' }, { version: '1.1.15' });
    const { status, output, calls } = device.install();
    assert.equal(status, 0, output);
    assert.equal(device.mode('/etc/iotedge/config.yaml'), '400');
    assert.equal(device.mode('/etc/iotedge/secrets/edge-ca.key.pem'), '600');
    for (const [, path = ''] of device.read('/etc/iotedge/config.yaml').matchAll(/"file:\/\/(\/[^"]+)"/g))
      assert.ok(device.has(path), path);
    assert.ok(calls.includes('systemctl restart iotedge'));
    assert.ok(calls.some((call) => /^chown iotedge: .*config\.yaml$/.test(call)));
    assert.equal(device.install().status, 0);
  });

  for (const [what, input, options, spoil, message] of [
    ['an older IoT Edge', {}, { version: '1.5.3' }, undefined, /1\.5 is older than this bundle's target, 1\.6/],
    ['1.1 for a bundle of 1.2', { target: 'iotedge-1.2' }, { version: '1.1.15' }, undefined, /1\.1 is older/],
    ['1.4 for a bundle of 1.1', { target: 'iotedge-1.1' }, { version: '1.4.0' }, undefined, /reads config\.toml/],
    ['a version that it cannot read', {}, { version: 'dev' }, undefined, /does not say a version/],
    [
      'a distribution that is no longer supported',
      {},
      { distribution: 'ID=debian\nVERSION_ID="11"\n' },
      undefined,
      /debian:11 any more/,
    ],
    [
      'a user that is missing',
      {},
      {},
      (d: Device) => d.command('id', '[ "$2" != aziotks ] || exit 1; echo 0'),
      /no user aziotks/,
    ],
    ['a snap', {}, {}, (d: Device) => mkdirSync(join(d.root, 'snap/azure-iot-edge'), { recursive: true }), /snap/],
    [
      'a file that is missing',
      {},
      {},
      (d: Device) => rmSync(join(d.bundle, 'certs/device-identity.full-chain.pem')),
      /incomplete/,
    ],
    ['a key that is missing', { keyCustody: 'device' }, {}, undefined, /put it at secrets\/device-identity\.key\.pem/],
    ['a PIN without a token', {}, {}, undefined, /takes no PIN/],
  ] as const) {
    it(`refuses ${what}, and changes nothing`, async () => {
      using device = await someDevice(input as Partial<GroupInput>, options);
      spoil?.(device);
      const before = readdirSync(device.root, { recursive: true }).sort();
      const { status, stderr, calls } = device.install(
        ...(what.startsWith('a PIN') ? ['--pin-file', '/dev/null'] : []),
      );
      assert.equal(status, 1, stderr);
      assert.match(stderr, message);
      assert.deepEqual(calls, []);
      assert.deepEqual(readdirSync(device.root, { recursive: true }).sort(), before);
    });
  }

  it('accepts a newer IoT Edge and an unknown distribution with a note', async () => {
    using device = await someDevice({ target: 'iotedge-1.4' }, { version: '1.6.0', distribution: 'ID=arch\n' });
    const { status, output } = device.install();
    assert.equal(status, 0);
    assert.match(output, /note: iotedge 1\.6 is newer/);
    assert.match(output, /note: arch:0/);
  });

  it('refuses a user who is not root, and unknown options', async () => {
    using device = await someDevice();
    assert.match(device.installAs('1000').stderr, /run it as root/);
    assert.equal(device.installAs('1000').status, 1);
    assert.equal(device.install('--force').status, 2);
  });

  it('installs the key that the device made, and refuses another', async () => {
    using device = new Device();
    const { bundle } = await someBundler({ keyCustody: 'device' });
    let key = '';
    device.unpack(
      await bundle(
        'gw-1',
        request('gw-1', (pem) => {
          key = pem;
        }),
      ),
    );
    const place = join(device.bundle, 'secrets/device-identity.key.pem');
    mkdirSync(dirname(place));
    request('gw-1', (other) => writeFileSync(place, other));
    assert.match(device.install().stderr, /not the one that the certificate was issued to/);
    assert.equal(device.has('/var/aziot'), false);

    writeFileSync(place, key);
    assert.equal(device.install().status, 0);
    assert.equal(device.read('/var/aziot/secrets/device-identity.key.pem'), key);
    // The technician deletes it from the folder. The device has it already.
    rmSync(place);
    assert.equal(device.install().status, 0);
  });

  it('writes the PIN of a token into the configuration only', async () => {
    using device = await someDevice({
      keyCustody: 'device',
      keyUri: 'pkcs11:token=edge;object=device-key',
      pkcs11: { libraryPath: '/usr/lib/libtpm2_pkcs11.so', baseSlot: 'pkcs11:token=edge' },
    });
    const pinFile = join(device.directory, 'pin');
    writeFileSync(pinFile, 'p|n&1\\"\n');
    const { status, output } = device.install('--pin-file', pinFile);
    assert.equal(status, 0, output);
    const config = device.read('/etc/aziot/config.toml');
    assert.match(config, /^identity_pk = "pkcs11:token=edge;object=device-key\?pin-value=%70%7c%6e%26%31%5c%22"$/m);
    assert.match(config, /^pkcs11_base_slot = "pkcs11:token=edge\?pin-value=%70%7c%6e%26%31%5c%22"$/m);
    assert.ok(!output.includes('%70%7c'));
    assert.ok(!device.has('/var/aziot/secrets/device-identity.key.pem'));
    assert.match(device.install('--pin-file', pinFile).output, /nothing to apply/);
  });
});

describe('install.sh in the repository', () => {
  it('has the values of a default group', () => {
    const file = readFileSync(new URL('../../../lib/bundle/install.sh', import.meta.url), 'utf8');
    const options = { chainPem: [], rootPem: '', dps: someDps, now: someTime };
    const withoutComments = (script: string) => script.replaceAll(/^#.*\n/gm, '');
    assert.equal(withoutComments(installScript({ group: someGroup('line7'), ...options })), withoutComments(file));
  });
});

describe('install.sh of every kind of group', () => {
  it('passes shellcheck', { skip: lacks('shellcheck') }, () => {
    const pkcs11 = { keyUri: 'pkcs11:token=a;object=b', pkcs11: { libraryPath: '/usr/lib/a.so' } };
    for (const input of [
      {},
      { edgeCa: 'issued' },
      { edgeCa: 'est', est: { url: 'https://est.example.com/' } },
      { target: 'iotedge-1.1', edgeCa: 'issued' },
      { keyCustody: 'device' },
      { keyCustody: 'device', keyUri: 'file:///etc/device.key' },
      { keyCustody: 'device', ...pkcs11 },
    ] as const) {
      const script = installScript({
        group: someGroup('line7', input),
        chainPem: [],
        rootPem: '',
        dps: someDps,
        now: someTime,
      });
      const { status, output } = run('shellcheck', ['-'], { input: script });
      assert.equal(status, 0, output);
    }
  });
});
