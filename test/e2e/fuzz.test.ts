import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { manifestOf, startTestStack, type TestStack } from './test-stack.ts';

/*
 * Schemathesis (https://schemathesis.readthedocs.io) calls every operation of docs/openapi.json with what fits the description
 * and what does not, and holds the answers against it. It is a program in Python that the project does not need otherwise:
 * `pip install schemathesis`, or .ci/run, which installs it where Python is.
 */

const isInstalled = spawnSync('schemathesis', ['--version']).status === 0;
const skip = isInstalled ? false : 'schemathesis is not installed (pip install schemathesis)';

/**
 * Calls per operation and phase: each kind of fault once, then at random. The seed is fixed, and a number of calls is the same on each
 * machine, where a time is not: a call that fails in CI fails everywhere.
 */
const calls = { coverage: 40, fuzzing: 25 };

let fleet: TestStack;
before(async () => {
  if (isInstalled) fleet = await startTestStack();
});
after(() => fleet?.close());

/** Ids that exist, so that the calls reach more than 404; and what the description cannot say. */
function settings(jobId: string): string {
  return `
[parameters]
"path.jobId" = "${jobId}"
"path.deviceId" = "fuzz-1"
# A continuation is good for the query that gave it.
"query.continuation" = ""
# An action that does not exist is refused. The description does not list all of them.
"query.action" = "suspend-device"
# CSV has no pages: with it, limit and reason are refused.
"query.format" = "json"
# The fuzzer does not follow the pattern of this header.
"header.if-match" = "*"

[checks]
# The host answers 404 to a method that no function has, and not 405 (docs/openapi.json says so).
unsupported_method.enabled = false

[[operations]]
include-name = "PUT /enrollment-groups/{id}"
# Settings that exclude each other, and URLs that are not public, are refused with 422.
checks.positive_data_acceptance.enabled = false

[[operations]]
include-name = "POST /webhooks"
# URLs that are not public are refused with 400.
checks.positive_data_acceptance.enabled = false

[[operations]]
include-name = "POST /jobs"
# Any text can be a list: one that is none is accepted and becomes a failed job. An Idempotency-Key may come once.
checks.negative_data_rejection.enabled = false
checks.positive_data_acceptance.enabled = false

[[operations]]
include-name = "POST /checks"
# Likewise: one that is none is refused with 422.
checks.negative_data_rejection.enabled = false
checks.positive_data_acceptance.enabled = false

[[operations]]
include-name = "POST /uploads"
# Here it is the format of the list.
parameters = { "query.format" = "csv" }

[[operations]]
include-name = "POST /dead-letters/discard"
# One of its parameters is needed, any of them.
checks.positive_data_acceptance.enabled = false
`;
}

/** Runs one phase of Schemathesis. @throws AssertionError with its report, which has a curl command per fault */
async function fuzz(phase: keyof typeof calls, config: string, more: readonly string[]): Promise<void> {
  const { urls, functionsKey } = fleet.stack;
  const args = [
    ...['--config-file', config, 'run', resolve('docs/openapi.json'), '--url', `${urls.functions}/api`],
    ...['--header', `x-functions-key: ${functionsKey}`, '--max-examples', String(calls[phase]), '--seed', '1'],
    '--generation-deterministic',
    // Seconds. A CA is removed from DPS when no worker can use it any more: after 11.
    ...['--request-timeout', '30'],
    ...['--phases', phase, '--no-shrink', '--no-color', ...more],
  ];
  // Its own files (.schemathesis, .hypothesis) go where the stack has its own.
  const fuzzer = spawn('schemathesis', args, { cwd: fleet.directory, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (part: Buffer) => {
    output += part;
  };
  fuzzer.stdout.on('data', keep);
  fuzzer.stderr.on('data', keep);
  const [status] = await once(fuzzer, 'close');
  assert.equal(status, 0, output);
  assert.match(output, /Tested: \d+/);
}

test('every operation answers as docs/openapi.json says', { skip, timeout: 480_000 }, async () => {
  await fleet.api.put('enrollment-groups/line7', { keyCustody: 'plain' });
  const jobId = await fleet.upload('line7/fuzz.csv', manifestOf('fuzz', 3));
  await fleet.ended(jobId);
  const config = join(fleet.directory, 'schemathesis.toml');
  await writeFile(config, settings(jobId));

  await fuzz('coverage', config, []);
  // A wrong value that it chooses at random, such as an empty list, can leave nothing to send; the request is then a good one.
  await fuzz('fuzzing', config, ['--exclude-checks', 'negative_data_rejection']);

  const { status } = await fleet.api.get<{ status: string }>('health');
  assert.equal(status, 'ok');
});
