import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { fleet } from './transcript.ts';

/** What can follow the words; the last one is being typed. */
async function after(...words: readonly string[]): Promise<string[]> {
  const { code, out, err } = await fleet(['complete', '--', `=${words.at(-1)}`, ...words.slice(0, -1)]);
  assert.equal(code, 0, err);
  return out.split('\n').flatMap((line) => line.split('\t')[0] || []);
}

describe('fleet completion', () => {
  it('knows verbs, options, their values, and where a file is meant', async () => {
    assert.deepEqual(await after('dev'), ['devices', 'device']);
    assert.deepEqual(await after('device', 're'), ['revoke', 'restore']);
    assert.deepEqual(await after('job', 'watch', 'x', '--time'), ['--timeout']);
    assert.deepEqual(await after('jobs', '--output', 'js'), ['json', 'jsonl']);
    assert.deepEqual(await after('findings', '--severity', ''), ['critical', 'high', 'medium', 'low']);
    assert.deepEqual(await after('completion', 'b'), ['bash']);
    assert.deepEqual(await after('submit', ''), [':files']);
    assert.deepEqual(await after('device', 'revoke', '--ids-from', ''), [':files']);
    assert.deepEqual(await after('job', 'show', ''), []);
  });

  it('prints a script for each shell', async () => {
    for (const shell of ['bash', 'zsh', 'fish', 'powershell']) {
      const { code, out } = await fleet(['completion', shell]);
      assert.equal(code, 0);
      assert.match(out, /fleet complete -- "=/, shell);
    }
    assert.equal((await fleet('completion tcsh')).code, 2);
  });

  it('completes in bash, and runs nothing that was only typed', () => {
    const bin = mkdtempSync(join(tmpdir(), 'fleet-cli-'));
    try {
      symlinkSync(resolve('cli/fleet.ts'), join(bin, 'fleet'));
      const bash = (words: string) => {
        const script = `source <(fleet completion bash); COMP_WORDS=(${words}); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); _fleet; echo "\${COMPREPLY[*]}"`;
        const env = { PATH: `${bin}:${join(process.execPath, '..')}:/usr/bin:/bin`, HOME: bin };
        return execFileSync('bash', ['-c', script], { encoding: 'utf8', env }).trim();
      };
      assert.equal(bash('fleet group r'), 'rollover rotate-allocation-key');
      assert.equal(bash('fleet group rol'), 'rollover');
      assert.equal(bash(`fleet '$(touch ${bin}/run)' jo`), 'jobs job');
      assert.throws(() => execFileSync('ls', [`${bin}/run`], { stdio: 'pipe' }), /No such file/);
    } finally {
      rmSync(bin, { recursive: true });
    }
  });
});
