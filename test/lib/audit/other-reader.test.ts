import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifierKey } from '../../../lib/audit/checkpoint.ts';
import { createLog, logOrigin, logSigner } from './some-log.ts';

/*
 * The log as the transparency log libraries of Go read it: test/other-readers/tlog. Both sides read the specification; neither
 * reads the other's code.
 */

const source = fileURLToPath(new URL('../../other-readers/tlog/', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'fleet-tlog-'));
const program = join(directory, 'tlogreader');
const log = join(directory, 'log');
const older = join(directory, 'older');
let missing: string | undefined;

function read(): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(program, [log, verifierKey(logOrigin, logSigner.publicKey), older]);
  return { status, text: `${stdout}${stderr}`.trim() };
}

function store(blobs: ReadonlyMap<string, Buffer>): void {
  for (const [name, body] of blobs) {
    const path = join(log, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, body);
  }
}

before(async () => {
  const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: source, encoding: 'utf8' });
  if (built.status !== 0) missing = built.error?.message ?? built.stderr.trim().slice(0, 200);
  const trail = createLog();
  await trail.grow(300);
  writeFileSync(older, trail.head.blobs.get('checkpoint') ?? '');
  await trail.grow(700);
  store(trail.log.blobs);
  store(trail.head.blobs);
});

after(() => rmSync(directory, { recursive: true, force: true }));

describe('the audit trail, read by the libraries of Go', () => {
  it('has its entries, an inclusion proof for each, and a consistency proof with an older checkpoint', (test) => {
    if (missing !== undefined) return test.skip(`Go cannot build test/other-readers/tlog: ${missing}`);
    assert.deepEqual(read(), { status: 0, text: '1000 entries' });
  });

  for (const [name, path] of [
    ['an entry', 'tile/entries/001'],
    ['a hash', 'tile/0/001'],
    ['the last tile', 'tile/1/000.p/3'],
    ['the checkpoint', 'checkpoint'],
  ] as const) {
    it(`is refused when one byte of ${name} is changed`, (test) => {
      if (missing !== undefined) return test.skip(`Go cannot build test/other-readers/tlog: ${missing}`);
      const intact = readFileSync(join(log, path));
      const changed = Buffer.from(intact);
      changed.writeUInt8(changed.readUInt8(40) ^ 1, 40);
      writeFileSync(join(log, path), changed);
      assert.equal(read().status, 1);
      writeFileSync(join(log, path), intact);
    });
  }
});
