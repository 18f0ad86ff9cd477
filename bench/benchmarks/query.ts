import autocannon from 'autocannon';
import type { JobAnswer } from '../../infra/local/demo/api.ts';
import { type Benchmark, type Findings, measured, type Run, ratios } from '../benchmark.ts';
import { type BenchStack, withBenchStack } from '../harness/bench-stack.ts';
import { percentile } from '../harness/latency.ts';

const connections = 50;
const secondsPerRound = 4;
/** Existing devices that are queried. */
const knownDevices = 2_000;
/** Rows of the job that runs during the round. It takes longer than a round on any machine, and is then cancelled. */
const backgroundRows = 100_000;

export const query: Benchmark = {
  name: 'query',
  what:
    '`GET /api/devices/{id}` by 50 clients without pauses: on a functions host that only answers, as the instances for HTTP do ' +
    'in Azure, where queue functions have instances of their own; and with `GET /api/jobs/{id}` while a job runs in the same ' +
    'process. Clients and emulators are on the same cores. Opening a connection is shown separately, because in Azure the ' +
    'front end does it.',

  async run({ rounds, say }: Run): Promise<Findings> {
    const alone: Latency[] = [];
    const devices: Latency[] = [];
    const jobs: Latency[] = [];
    await withBenchStack({}, async (bench) => {
      const known = await bench.submit(knownDevices);
      await bench.ended(known.jobId, knownDevices);
      const devicePaths = Array.from({ length: knownDevices }, (_, row) => `devices/${known.deviceIds(row + 1)}`);
      for (let round = 0; round < rounds; round++) {
        alone.push(await ask(bench, devicePaths));
        const { jobId } = await bench.submit(backgroundRows);
        await bench.begun(jobId);
        devices.push(await ask(bench, devicePaths));
        jobs.push(await ask(bench, [`jobs/${jobId}`]));
        const { finishedAt } = await bench.api.get<JobAnswer>(`jobs/${jobId}`);
        if (finishedAt !== undefined) throw new Error('The job ended before the clients. Increase backgroundRows.');
        await cancel(bench, jobId);
        say(`  round ${round + 1}: ${textOf(alone.at(-1))}; beside a job ${textOf(devices.at(-1))}`);
      }
    });
    const of = (key: keyof Latency, latencies: readonly Latency[]) => latencies.map((latency) => latency[key]);
    const errors = [...of('errors', alone), ...of('errors', devices), ...of('errors', jobs)];
    return {
      measurements: [
        measured('device', 'requests/s', of('perSecond', alone), { atLeast: 2000 }),
        measured('device: p99 of p50', 'ratio', ratios(of('p99', alone), of('p50', alone)), { atMost: 3 }),
        measured('beside a job, device: p99 of p50', 'ratio', ratios(of('p99', devices), of('p50', devices)), {
          atMost: 3,
        }),
        measured('errors', 'requests', [Math.max(...errors)], { atMost: 0 }),
        measured('device: p50', 'ms', of('p50', alone)),
        measured('device: p99', 'ms', of('p99', alone)),
        measured('device: p99, opening of connections included', 'ms', of('p99Opening', alone)),
        measured('beside a job, device', 'requests/s', of('perSecond', devices)),
        measured('beside a job, device: p50', 'ms', of('p50', devices)),
        measured('beside a job, device: p99', 'ms', of('p99', devices)),
        measured('beside a job, job', 'requests/s', of('perSecond', jobs)),
        measured('beside a job, job: p50', 'ms', of('p50', jobs)),
        measured('beside a job, job: p99', 'ms', of('p99', jobs)),
      ],
    };
  },
};

const textOf = (latency: Latency | undefined) =>
  `${latency?.perSecond.toFixed(0)}/s, p50 ${latency?.p50.toFixed(0)} ms, p99 ${latency?.p99.toFixed(0)} ms`;

interface Latency {
  readonly p50: number;
  readonly p99: number;
  /** Includes the first request of each client, which waits until its connection is accepted. */
  readonly p99Opening: number;
  readonly perSecond: number;
  /** Requests without an answer, or with a status other than 2xx. */
  readonly errors: number;
}

async function ask({ stack }: BenchStack, paths: readonly string[]): Promise<Latency> {
  const opening: number[] = [];
  const steady: number[] = [];
  const known = new WeakSet<object>();
  // Each client has paths of its own, if there are enough: the same path at the same time would be read once.
  let client = 0;
  const share = Math.ceil(paths.length / connections);
  const pathsOf = (number: number) => {
    const own = paths.slice(number * share, (number + 1) * share);
    return (own.length > 0 ? own : paths).map((path) => ({ path: `/api/${path}` }));
  };
  const options: autocannon.Options = {
    ...{ url: stack.urls.functions, connections, duration: secondsPerRound },
    headers: { 'x-functions-key': stack.functionsKey },
    setupClient: (each) => each.setRequests(pathsOf(client++)),
  };
  const { requests, errors, non2xx } = await new Promise<autocannon.Result>((resolve, reject) => {
    const running = autocannon(options, (error, result) => (error ? reject(error) : resolve(result)));
    running.on('response', (client, _status, _bytes, milliseconds) => {
      (known.has(client) ? steady : opening).push(milliseconds);
      known.add(client);
    });
  });
  return {
    p50: percentile(steady, 0.5),
    p99: percentile(steady, 0.99),
    p99Opening: percentile([...steady, ...opening], 0.99),
    ...{ perSecond: requests.average, errors: errors + non2xx },
  };
}

async function cancel({ api, stack }: BenchStack, jobId: string): Promise<void> {
  const headers = { 'x-functions-key': stack.functionsKey };
  await fetch(`${stack.urls.functions}/api/jobs/${jobId}/cancel`, { method: 'POST', headers });
  for (;;) if ((await api.get<JobAnswer>(`jobs/${jobId}`)).finishedAt !== undefined) return;
}
