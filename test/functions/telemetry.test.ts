import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { trace } from '@opentelemetry/api';
import { provideFunctionsCore } from 'fleet-emulators/functions-host';
import { logLine, logTo } from '../../functions/log.ts';
import { withLog } from '../../lib/log.ts';
import { createWorld } from '../world.ts';

process.env['TELEMETRY'] = 'console';
const core = provideFunctionsCore(() => {});

/** Lines printed under TELEMETRY=console. */
const printed: string[] = [];
const print = console.log;
before(() => {
  console.log = (line: string) => void printed.push(line);
});
after(() => {
  console.log = print;
});

/** Runs work as the worker runs a function: preInvocation hooks first, which may wrap it. */
async function invoke(functionName: string, work: () => Promise<unknown>, traceParent: string): Promise<void> {
  const invocationContext = { functionName, invocationId: 'run-1', traceContext: { traceParent } };
  const hook = { invocationContext, functionCallback: work, inputs: [], hookData: {}, appHookData: {} };
  for (const each of core.hooks.preInvocation) await each(hook);
  await hook.functionCallback();
}

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('telemetry of a job', () => {
  const lines: string[] = [];
  let joined: string | undefined;
  before(async () => {
    await import('../../functions/telemetry.ts');
    using world = createWorld({ chunkRows: 2 });
    await world.declare('line7', { keyCustody: 'plain' });
    const manifest = 'deviceId,enrollmentGroup,tags.note\ngw-1,line7,hush-1\ngw-2,line7,hush-2\ngw 3,line7,hush-3\n';
    const jobId = await world.upload('list.csv', manifest);
    const write = (line: string) => void lines.push(line);
    const log = logTo({ info: write, warn: write, error: write } as never);
    const settle = () => {
      joined = trace.getActiveSpan()?.spanContext().traceId;
      return withLog(log, () => world.settle());
    };
    await invoke('provision-chunk', settle, `00-${traceId}-00f067aa0ba902b7-01`);
    assert.equal((await world.job(jobId)).status, 'completedWithErrors');
    for (const each of core.hooks.appTerminate) await each({});
  });

  it('belongs to the trace that the host began', () => assert.equal(joined, traceId));

  it('has a span for each step, inside the run of the function', () => {
    const spans = printed
      .filter((line) => line.startsWith('span '))
      .map((line) => /^span (.+?) [\d.]+ ms/.exec(line)?.[1]);
    for (const step of ['1 read', '2 compare', '3 claim', '4 ensure groups', '5 issue', '6 commit', '7 record']) {
      // The second chunk has one row, which is refused when it is read. It claims nothing.
      assert.equal(spans.filter((name) => name === step).length, step === '3 claim' ? 1 : 2, step);
    }
    assert.ok(spans.includes('provision-chunk'));
  });

  it('counts rows by outcome, certificates, rejections by code, and chunks', () => {
    const figures = printed.filter((line) => line.startsWith('figure '));
    const has = (pattern: RegExp) =>
      assert.ok(
        figures.some((line) => pattern.test(line)),
        `${pattern}\n${figures.join('\n')}`,
      );
    has(/^figure fleet\.rows 2 \{"outcome":"provisioned"\}$/);
    has(/^figure fleet\.rows 1 \{"outcome":"rejected"\}$/);
    has(/^figure fleet\.certificates 2 \{"group":"line7"\}$/);
    has(/^figure fleet\.rejections 1 \{"code":"device-id-invalid"\}$/);
    has(/^figure fleet\.chunk\.duration 2 times/);
    has(/^figure fleet\.run\.duration 1 times.*"function":"provision-chunk","outcome":"succeeded"/);
  });

  it('logs each part and the end of the job, with their ids', () => {
    const entries = lines.map((line) => JSON.parse(line));
    const parts = entries.filter(({ event }) => event === 'part counted');
    assert.deepEqual(parts.map(({ chunk }) => chunk).sort(), [0, 1]);
    const [end] = entries.filter(({ event }) => event === 'job finished');
    assert.equal(end.status, 'completedWithErrors');
    assert.equal(end.provisioned, 2);
    assert.match(end.jobId, /^[0-9a-f]{24}$/);
  });

  it('prints and logs no key, no certificate and no field of a row', () => {
    const all = [...printed, ...lines].join('\n');
    assert.doesNotMatch(all, /-----BEGIN|PRIVATE|hush-/);
  });
});

describe('a line of the log', () => {
  it('is one JSON object, for any content of its fields', () => {
    const line = logLine('x', { text: 'a\nb"', count: 2, no: undefined });
    assert.deepEqual(JSON.parse(line), { event: 'x', text: 'a\nb"', count: 2 });
    assert.ok(!line.includes('\n'));
  });

  it('withholds a field with a private key', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const line = logLine('x', { cause: `Error: cannot parse ${pem}` });
    assert.doesNotMatch(line, /PRIVATE KEY/);
    assert.match(line, /withheld/);
  });

  it('cuts a field that is too long', () => {
    assert.ok(logLine('x', { cause: 'row\n'.repeat(100_000) }).length < 10_000);
  });
});
