import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Api, createApi, type JobAnswer } from '../../../infra/local/demo/api.ts';
import { announceStack } from '../../../infra/local/stack/running-stack.ts';
import { type Stack, startStack } from '../../../infra/local/stack.ts';
import { until } from '../../until.ts';

/*
 * The commands that work with `npm start`: `fleet`, which finds the stack by itself, and register. The functions must be built.
 */

const infra = join(import.meta.dirname, '../../../infra');
const cli = join(import.meta.dirname, '../../../cli/fleet.ts');
let directory: string;
let stack: Stack;
let api: Api;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'commands-'));
  stack = await startStack({ directory, ports: 'free' });
  await announceStack(directory, stack);
  api = createApi({ url: stack.urls.functions, key: stack.functionsKey });
  await api.put('enrollment-groups/line7', { keyCustody: 'plain' });
});
after(async () => {
  await stack?.kill();
  await rm(directory, { recursive: true });
});

function run(program: string, args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const env = { ...process.env, LOCAL_DIR: directory, XDG_CONFIG_HOME: directory };
  return new Promise((resolve) => {
    execFile(process.execPath, [resolvePath(infra, program), ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}

describe('commands of a running stack', { timeout: 180_000 }, () => {
  test('fleet finds the running stack, and submits a list to it', async () => {
    const file = join(directory, 'list.csv');
    await writeFile(file, 'deviceId\ngw-1\ngw-2\n');
    const { code, stdout, stderr } = await run(cli, ['submit', file, '--group', 'line7', '--watch', '--json']);
    assert.equal(code, 0, stderr);
    const { jobId } = JSON.parse(stdout) as JobAnswer;
    const job = await api.get<JobAnswer>(`jobs/${jobId}`);
    assert.equal(job.counts.provisioned, 2);
  });

  test('fleet order sends an order to the queue of the stack', async () => {
    const file = join(directory, 'order.json');
    await writeFile(
      file,
      JSON.stringify({ orderId: 'PO-1', enrollmentGroup: 'line7', devices: [{ deviceId: 'gw-3' }] }),
    );
    const { code, stderr } = await run(cli, ['order', file]);
    assert.equal(code, 0, stderr);
    const job = await until(async () => {
      const { jobs } = await api.get<{ jobs: JobAnswer[] }>('jobs');
      return jobs.find(({ name, finishedAt }) => name === 'PO-1' && finishedAt !== undefined);
    });
    assert.equal(job.counts.provisioned, 1);
    await writeFile(file, '{"orderId":"PO-1","orderId":"PO-2"}');
    const twice = await run(cli, ['order', file]);
    assert.deepEqual(
      [twice.code, twice.stderr],
      [1, `error: ${file} has the member "orderId" twice. Remove one of the two.\n`],
    );
  });

  test('register prints the hub that DPS assigns, also for a folder of bundles', async () => {
    const folder = join(directory, 'downloads');
    await mkdir(folder);
    for (const device of ['gw-1', 'gw-2'])
      await writeFile(join(folder, `${device}.tar.gz`), await api.getBytes(`devices/${device}/bundle`));

    const one = await run('local/register.ts', [join(folder, 'gw-1.tar.gz')]);
    assert.equal(one.code, 0, one.stderr);
    assert.match(one.stdout, /^gw-1 is registered\. Its hub is hub-[12]\.localhost\.\n$/);
    const all = await run('local/register.ts', [folder]);
    assert.equal(all.code, 0, all.stderr);
    assert.match(all.stdout, /^gw-1 is registered\..*\ngw-2 is registered\..*\n$/);

    const groups = join(directory, 'groups.json');
    await writeFile(groups, await api.getText('enrollment-groups'));
    await writeFile(join(folder, 'wrong.tar.gz'), 'not an archive');
    const verified = await run(cli, ['bundle', 'verify', folder, '--groups', groups]);
    assert.equal(verified.code, 1, verified.stderr);
    assert.match(verified.stdout, /^gw-1: good\n[\s\S]*^gw-2: good\n[\s\S]*wrong\.tar\.gz: not good\n {2}FAULT/m);
    assert.equal(verified.stderr, '2 of 3 bundles are good.\n');
    const json = await run(cli, ['bundle', 'verify', folder, '--groups', groups, '--json']);
    assert.deepEqual(
      (JSON.parse(json.stdout) as { ok: boolean }[]).map(({ ok }) => ok),
      [true, true, false],
    );
  });

  test('register says what it found instead of a bundle with a key', async () => {
    const cases: [string, Buffer | string, RegExp][] = [
      ['sealed.tar.gz.cms', Buffer.from([0x30, 0x82, 1, 2]), /The bundle is sealed\. Decrypt it first/],
      ['text.tar.gz', 'no archive at all', /^error: .*text\.tar\.gz: The file holds no bundle/],
    ];
    for (const [name, content, message] of cases) {
      const file = join(directory, name);
      await writeFile(file, content);
      const { code, stderr } = await run('local/register.ts', [file]);
      assert.equal(code, 1);
      assert.match(stderr, message);
    }
    const keyless = join(directory, 'gw-9');
    await mkdir(keyless);
    await writeFile(join(keyless, 'config.toml'), '');
    const { stderr } = await run('local/register.ts', [keyless]);
    assert.match(
      stderr,
      /The bundle of gw-9 has no private key, because only the device has it \(key custody "device"\)/,
    );
  });
});
