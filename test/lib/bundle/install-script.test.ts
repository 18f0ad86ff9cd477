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
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { installScript } from '../../../lib/bundle/install-script.ts';
import { readTar } from '../../../lib/bundle/tar.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { assertEvery } from '../../assert-every.ts';
import { someGroup, someTime } from '../../factories.ts';
import { lacks, run } from './command.ts';
import { movedBelow } from './on-a-device.ts';
import { request } from './request.ts';
import { someBundler, someDps } from './some-bundle.ts';

/*
 * The script really runs, with its places moved below a directory. Only the commands that would change this machine or need its
 * users (id, chown, runuser, hostname, iotedge, systemctl) are replaced, by programs on PATH that record their calls.
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
    this.command('hostname', 'echo gw-1');
    // Another user reads what everybody may read: `runuser -u USER -- test -r FILE`.
    this.command('runuser', '[ "$5" = -r ] && case $(stat -c %a "$6") in ??[4567]) exit 0 ;; esac; exit 1');
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
      const text = path.endsWith('/install.sh') ? movedBelow(body.toString(), this.root) : body;
      writeFileSync(file, text, { mode });
    }
  }

  /** Gives the unpacked bundle the script as it is, for `--root`. */
  keepPlaces(): void {
    const file = join(this.bundle, 'install.sh');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(`${this.root}/`, '/'));
  }

  /** @returns the output and exit code of the script, and the commands that it called */
  install(...args: string[]) {
    return this.installAs('0', ...args);
  }

  installAs(uid: string, ...args: string[]) {
    writeFileSync(this.#calls, '');
    const env = { PATH: `${this.#commands}:${process.env['PATH']}`, TEST_UID: uid };
    const ended = run('sh', [join(this.bundle, 'install.sh'), ...args], { env });
    const calls = readFileSync(this.#calls, 'utf8')
      .trim()
      .split('\n')
      .filter((call) => !/^(?:id|runuser|hostname|iotedge --version|$)/.test(call));
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

  const token = {
    keyCustody: 'device',
    keyUri: 'pkcs11:token=edge;object=device-key',
    pkcs11: { libraryPath: '/usr/lib/libtpm2_pkcs11.so', baseSlot: 'pkcs11:token=edge' },
  } as const;
  /** A device whose configuration has the PIN "p|n&1\\". */
  async function deviceWithPin(): Promise<Device> {
    const device = await someDevice(token);
    const pinFile = join(device.directory, 'pin');
    writeFileSync(pinFile, 'p|n&1\\\n');
    assert.equal(device.install('--pin-file', pinFile).status, 0);
    return device;
  }

  it('keeps the PIN of an earlier run, until it is told that there is none', async () => {
    using device = await deviceWithPin();
    const config = device.read('/etc/aziot/config.toml');
    const again = device.install();
    assert.equal(again.status, 0, again.output);
    assert.match(again.output, /note: the PIN in .*config\.toml stays/);
    assert.match(again.output, /nothing to apply/);
    assert.equal(device.read('/etc/aziot/config.toml'), config);

    // Another bundle, and a PIN that someone has written there in another way.
    device.write('/etc/aziot/config.toml', 'a = "pkcs11:token=edge?module-name=m&pin-value=1|&2"\n');
    assert.equal(device.install().status, 0);
    assert.match(
      device.read('/etc/aziot/config.toml'),
      /^identity_pk = "pkcs11:token=edge;object=device-key\?pin-value=1\|"$/m,
    );

    const without = device.install('--no-pin');
    assert.equal(without.status, 0, without.output);
    assert.doesNotMatch(device.read('/etc/aziot/config.toml'), /pin-value/);
    assert.doesNotMatch(device.install().output, /PIN/);
  });

  it('refuses a PIN that it cannot know', async () => {
    using device = await deviceWithPin();
    const config = device.read('/etc/aziot/config.toml');
    const pinFile = join(device.directory, 'pin');
    for (const text of ['', '\n', '\r\n1234\n']) {
      writeFileSync(pinFile, text);
      const { status, stderr } = device.install('--pin-file', pinFile);
      assert.deepEqual([status, /has no PIN on its first line/.test(stderr)], [1, true], stderr);
    }
    assert.equal(device.install('--no-pin', '--pin-file', pinFile).status, 2);
    assert.equal(device.read('/etc/aziot/config.toml'), config);
    device.write('/etc/aziot/config.toml', config.replace('pin-value=%70', 'pin-value=%71'));
    const { status, stderr } = device.install();
    assert.deepEqual([status, /has several PINs/.test(stderr)], [1, true], stderr);
  });

  const emptied = (device: Device, ...paths: string[]) => {
    for (const path of paths) writeFileSync(join(device.bundle, path), '');
  };
  const [chain, key] = ['certs/device-identity.full-chain.pem', 'secrets/device-identity.key.pem'];
  for (const [what, input, spoil, message] of [
    ['an empty key and an empty certificate', {}, (d: Device) => emptied(d, chain, key), /full-chain\.pem is empty/],
    ['an empty key', {}, (d: Device) => emptied(d, key), /key\.pem is empty/],
    [
      'a certificate that is none',
      {},
      (d: Device) => writeFileSync(join(d.bundle, chain), 'x'),
      /full-chain\.pem is not a certificate/,
    ],
    [
      'an encrypted key',
      {},
      (d: Device) =>
        writeFileSync(
          join(d.bundle, key),
          run('openssl', ['pkey', '-in', join(d.bundle, key), '-aes128', '-passout', 'pass:x']).stdout,
        ),
      /key\.pem is not an unencrypted private key/,
    ],
    [
      'the Edge CA key of another device',
      { edgeCa: 'issued' },
      (d: Device) => request('gw-1', (pem) => writeFileSync(join(d.bundle, 'secrets/edge-ca.key.pem'), pem)),
      /the key in secrets\/edge-ca\.key\.pem is not the one/,
    ],
  ] as const) {
    it(`refuses ${what}, and changes nothing`, async () => {
      using device = await someDevice(input);
      spoil(device);
      const before = readdirSync(device.root, { recursive: true }).sort();
      const { status, stderr, calls } = device.install();
      assert.equal(status, 1, stderr);
      assert.match(stderr, message);
      assert.deepEqual([calls, readdirSync(device.root, { recursive: true }).sort()], [[], before]);
    });
  }

  it('refuses a key that stays where it is when the key service cannot read it, or it is another', async () => {
    using device = new Device();
    const { bundle } = await someBundler({ keyCustody: 'device', keyUri: 'file:///var/keys/device.pem' });
    let own = '';
    device.unpack(
      await bundle(
        'gw-1',
        request('gw-1', (pem) => {
          own = pem;
        }),
      ),
    );
    const place = join(device.root, 'var/keys/device.pem');
    request('gw-1', (other) => device.write('/var/keys/device.pem', other));
    chmodSync(place, 0o644);
    assert.match(device.install().stderr, /not the one that the certificate was issued to/);
    device.write('/var/keys/device.pem', own);
    chmodSync(place, 0o600);
    const refused = device.install();
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /aziotks cannot read .*device\.pem; make it readable: chown aziotks /);
    assert.ok(!device.has('/var/aziot') && refused.calls.length === 0);
    chmodSync(place, 0o644);
    assert.equal(device.install().status, 0);
  });

  it('makes directories that are missing as the packages do', async () => {
    using device = await someDevice();
    assert.equal(device.install().status, 0);
    for (const path of ['/var', '/var/aziot', '/var/backups', '/etc/aziot'])
      assert.equal(device.mode(path), '755', path);
    assert.equal(device.mode('/var/backups/iotedge-bundle'), '700');
  });

  it('says for 1.1 how the machine has to be named', async () => {
    using device = await someDevice({ target: 'iotedge-1.1' }, { version: '1.1.15' });
    const readme = readFileSync(join(device.bundle, 'README.md'), 'utf8');
    assert.ok(
      readme.indexOf('Give the machine the name `gw-1` first') < readme.indexOf('install.sh --dry-run'),
      readme,
    );
    assert.doesNotMatch(device.install('--dry-run').output, /this machine is named/);
    device.command('hostname', 'echo raspberrypi');
    const { status, output } = device.install('--dry-run');
    assert.equal(status, 0);
    assert.match(output, /note: this machine is named "raspberrypi"; iotedge check finds a fault until it is "gw-1"/);
  });
});

/** The name of the machine that `iotedge check` of 1.1 takes: the device id, or its part before the first dot. */
describe('install.sh for 1.1 of a device with a dot in its id', { skip }, () => {
  for (const [machine, isGood] of [
    ['gw-1.line7', true],
    ['gw-1', true],
    ['gw', false],
    ['gw-1.line', false],
  ] as const) {
    it(`${isGood ? 'takes' : 'warns of'} a machine named ${machine}`, async () => {
      using device = new Device({ version: '1.1.15' });
      const { bundle } = await someBundler({ target: 'iotedge-1.1' });
      device.unpack(await bundle('gw-1.line7'));
      device.command('hostname', `echo ${machine}`);
      const { status, output } = device.install();
      assert.equal(status, 0);
      assert.equal(!/this machine is named/.test(output), isGood, output);
    });
  }
});

describe('install.sh --root', { skip }, () => {
  const passwords = 'root:x:0:0::/root:/bin/sh\naziotcs:x:991:992::/:/bin/false\naziotks:x:993:994::/:/bin/false\n';

  async function someImage(): Promise<Device> {
    const device = await someDevice({ edgeCa: 'issued' });
    device.keepPlaces();
    device.write('/etc/passwd', passwords);
    return device;
  }

  it('installs into an image with the users of the image, and runs nothing', async () => {
    using device = await someImage();
    const { status, output, calls } = device.install('--root', device.root);
    assert.equal(status, 0, output);
    assert.deepEqual(
      calls.filter((call) => !call.startsWith('chown ')),
      [],
    );
    const owners = new Set(calls.map((call) => call.split(' ')[1]));
    assert.deepEqual([...owners].sort(), ['0:0', '991:992', '993:994']);
    assertEvery(calls, (call) => call.includes(` ${device.root}/`), calls.join());
    assert.match(output, /run on the device: iotedge config apply/);
    assert.ok(device.has('/etc/aziot/config.toml') && device.has('/var/aziot/secrets/edge-ca.key.pem'));
    // The first run on the device itself applies it.
    assert.ok(device.has('/var/backups/iotedge-bundle/pending'));
  });

  it('says with --dry-run what it would do, and needs no user of this machine', async () => {
    using device = await someImage();
    device.command('id', '[ "$1" = -u ] && [ $# -eq 1 ] && echo 1000 && exit 0; exit 1');
    const { status, output, calls } = device.install('--root', device.root, '--dry-run');
    assert.equal(status, 0, output);
    assert.match(output, /would write: .*config\.toml/);
    assert.deepEqual(calls, []);
    assert.deepEqual(readdirSync(device.root).sort(), ['etc']);
  });

  for (const [what, link] of [
    ['a directory', (d: Device, outside: string) => symlinkSync(outside, join(d.root, 'var'))],
    [
      'a directory of certificates',
      (d: Device, outside: string) => {
        mkdirSync(join(d.root, 'var/aziot'), { recursive: true });
        symlinkSync(outside, join(d.root, 'var/aziot/secrets'));
      },
    ],
    [
      'a directory that is not there',
      (d: Device, outside: string) => symlinkSync(`${outside}/none`, join(d.root, 'etc/aziot')),
    ],
    [
      'a file',
      (d: Device, outside: string) => {
        mkdirSync(join(d.root, 'etc/aziot'));
        symlinkSync(`${outside}/config.toml`, join(d.root, 'etc/aziot/config.toml'));
      },
    ],
  ] as const) {
    it(`refuses an image in which ${what} is a link out of it`, async () => {
      using device = await someImage();
      const outside = join(device.directory, 'outside');
      mkdirSync(outside);
      link(device, outside);
      const { status, stderr, calls } = device.install('--root', device.root);
      assert.equal(status, 1, stderr);
      assert.match(stderr, /leads out of|is a symbolic link/);
      assert.deepEqual([calls, readdirSync(outside)], [[], []]);
    });
  }

  it('runs nothing that the image says', async () => {
    using device = await someImage();
    const proof = join(device.directory, 'proof');
    device.write('/etc/os-release', `ID=$(touch ${proof})\nVERSION_ID="12"\ntouch ${proof}\n`);
    assert.equal(device.install('--root', device.root).status, 0);
    assert.ok(!existsSync(proof));
  });

  it('refuses an image without the packages, and a directory that is not there', async () => {
    using device = await someImage();
    device.write('/etc/passwd', 'root:x:0:0::/root:/bin/sh\n');
    assert.match(device.install('--root', device.root).stderr, /there is no user aziotcs/);
    assert.match(device.install('--root', join(device.root, 'none')).stderr, /there is no directory/);
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
