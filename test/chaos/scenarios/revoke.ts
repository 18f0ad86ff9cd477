import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { ask } from '../ask.ts';
import { type ChaosStack, type Service, withChaosStack } from '../chaos-stack.ts';
import { knock, register } from '../device.ts';
import { createKeptBundles, type KeptBundles, openDoorsOf } from '../device-doors.ts';
import { type DeviceDocument, isBlocked, isLive } from '../documents.ts';
import { createFaults } from '../faults.ts';
import { declareGroups, groups, retryUntilNoneFailed, settled, upload } from '../fleet.ts';
import { checkInvariants, type ExpectedJob, type InvariantReport } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import { createOperators, type DeviceAct, type Operators, randomAct } from '../operators.ts';
import { chain, type Interference, transparent } from '../proxy.ts';
import type { Random } from '../random.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';
import { readDevices } from '../stores.ts';
import { breakLeases } from '../sweeps.ts';
import { createTripwire, type Tripwire } from '../tripwire.ts';

const sizes = {
  short: { rows: 12, acts: 24, kills: 2, silent: 0, pauseMs: 2_000 },
  long: { rows: 150, acts: 1_000, kills: 25, silent: 0.001, pauseMs: 8_000 },
};

/** Messages that look at doors a second time wait for a minute. The short form does not wait for them. */
const waitingQueues = { short: ['device-blocks'], long: [] };

/** Acts at once. Some are on one device, so a restore meets a revocation. */
const operatorsAtOnce = 4;

/**
 * Milliseconds for each end: of the acts that were begun, and of an act on many devices. Longer than the kills of the long form
 * last, some ten minutes: until then, messages of devices and of acts wait for a host that lives.
 */
const longest = 1_200_000;

/** Runs on the stack after the check of the invariants. */
export type Afterwards = (chaos: ChaosStack, kept: KeptBundles) => Promise<void>;

/**
 * Devices are suspended, revoked, restored and scrapped, one by one and in groups, while jobs issue them again, hosts die and
 * services refuse. An answer that says "closed" is tried at once. At the end no device gets in whose access has ended, with
 * any certificate that was ever made for it; and every other device does.
 */
export const revoke: Scenario = (context) => revokeAnd(async () => {}, context);

export async function revokeAnd(
  afterwards: Afterwards,
  { random, scale, say }: ScenarioContext,
): Promise<InvariantReport> {
  const { rows, acts, kills, silent, pauseMs } = sizes[scale];
  const tripwire = createTripwire();
  const rates = { throttled: 0.01, error: 0.01, reset: 0.01, lost: 0.01, half: 0.01, conflict: 0.02, silent };
  const faults = createFaults(random.fork('faults'), rates, 'request');
  let isAttacked = false;
  const bad = (service: Service): Interference => {
    const wanted = chain(tripwire.interfere, faults.interfere(service));
    return (request, forward) => (isAttacked ? wanted : transparent)(request, forward);
  };
  const options = {
    batchSize: 4,
    interfere: {
      ...{ blobs: bad('blobs'), queues: bad('queues'), cosmos: bad('cosmos'), dps: bad('dps'), hub: bad('hub') },
    },
    settings: {
      ...{ CHUNK_ROWS: '10', DPS_OPERATIONS_PER_MINUTE: '60000', HUB_REGISTRY_OPERATIONS_PER_MINUTE: '60000' },
    },
    dpsArguments: ['--operations-per-minute', '60000', '--registrations-per-minute', '60000'],
  };
  return withChaosStack(options, async (chaos) => {
    await declareGroups(chaos);
    const dealtTo = [...groups.byCa, groups.individual];
    const list = (prefix: string) => makeManifest(random, { rows, prefix, groups: dealtTo, badRows: 0 });
    const expected: ExpectedJob[] = [];
    const submit = async (name: string, { csv, rows: all }: ReturnType<typeof list>, onconflict = 'reject') => {
      expected.push({ name, rows: all.map((row) => ({ ...row, orFault: 'device-revoked' })) });
      await upload(chaos, name, csv, { onconflict });
    };

    const fleet = list('unit');
    await submit('fleet.csv', fleet);
    await settled(chaos, 1);
    const kept = createKeptBundles(chaos);
    await kept.collect();
    const ids = fleet.rows.map(({ deviceId }) => deviceId);
    await pMap(ids, (id) => registerFirst(chaos, id, kept), { concurrency: 8 });

    const operators = createOperators(chaos, kept);
    isAttacked = true;
    const late = list('late');
    await submit('late.csv', late);
    await submit('again-1.csv', list('unit'), 'reissue');
    const everyone = [...ids, ...late.rows.map(({ deviceId }) => deviceId)];
    const attack = { chaos, operators, random, ids, everyone };
    await Promise.all([
      actAtRandom(attack, acts),
      actOnMany(
        attack,
        fleet.rows.flatMap((row) => (row.enrollmentGroup === groups.byCa[1] ? [row.deviceId] : [])),
      ),
      sleep(pauseMs).then(() => submit('again-2.csv', list('unit'), 'reissue')),
      killHosts(chaos, tripwire, { random: random.fork('kills'), kills, say }),
    ]);
    isAttacked = false;
    faults.stop();

    await finishActs(chaos, operators);
    const problems: string[] = [];
    const except = waitingQueues[scale];
    const suspended = await tryBlocked(chaos, kept, problems);
    await pMap(suspended, (id) => operators.act(id, 'restore'), { concurrency: operatorsAtOnce });
    await finishActs(chaos, operators);
    const again = await retryUntilNoneFailed(chaos, expected.length, except);

    const final = [...operators.ended].sort();
    const refused = list('unit');
    const last = { ...refused, rows: refused.rows.filter(({ deviceId }) => final.includes(deviceId)) };
    const lines = refused.csv
      .split('\n')
      .filter((line, index) => index === 0 || final.includes(line.split(',')[0] ?? ''));
    await upload(chaos, 'refused.csv', `${lines.join('\n')}\n`, { onconflict: 'reissue' });
    expected.push({
      name: 'refused.csv',
      rows: last.rows.map((row, index) => ({ ...row, line: index + 2, fault: 'device-revoked' })),
    });
    await settled(chaos, expected.length, except);
    const stillSuspended = await tryBlocked(chaos, kept, problems);
    problems.push(...stillSuspended.map((id) => `${id} was restored, and is suspended`));
    const devices = await tryOthers(chaos, operators, kept, problems);
    const report = await checkInvariants(chaos, expected, except);
    await afterwards(chaos, kept);
    const attempts = Object.values(faults.counts).reduce((sum, count) => sum + count, 0);
    return {
      problems: [...operators.problems, ...problems, ...report.problems, ...faults.tooEarly],
      metrics: {
        ...{ kills, refused: attempts, ended: final.length, restored: suspended.length, letIn: devices },
        ...operators.counts,
        ...again,
        ...report.metrics,
      },
    };
  });
}

async function registerFirst({ stack }: ChaosStack, deviceId: string, kept: KeptBundles): Promise<void> {
  const [credential] = kept.of(deviceId);
  if (credential === undefined) throw new Error(`There is no bundle of ${deviceId}.`);
  if ((await register(credential, stack.dps)) === undefined) throw new Error(`DPS refuses ${deviceId}.`);
}

interface Attack {
  readonly chaos: ChaosStack;
  readonly operators: Operators;
  readonly random: Random;
  /** Devices that have registered. */
  readonly ids: readonly string[];
  /** And those of the job that runs. */
  readonly everyone: readonly string[];
}

async function actAtRandom({ operators, random, ids, everyone }: Attack, acts: number): Promise<void> {
  const drawn = Array.from({ length: acts }, (): { act: DeviceAct; id: string } => {
    const act = randomAct(random);
    // A device that never was at a hub is deleted, and its id is free: that is another promise.
    const from = act === 'scrap' ? ids : everyone;
    return { act, id: from[random.between(0, from.length - 1)] ?? '' };
  });
  await pMap(drawn, ({ act, id }) => operators.act(id, act), { concurrency: operatorsAtOnce });
}

/** Suspends a whole group and restores it, and revokes some devices in one act. */
async function actOnMany({ chaos, operators, random, ids }: Attack, ofGroup: readonly string[]): Promise<void> {
  const [, group] = groups.byCa;
  await actToEnd(chaos, 'POST', `enrollment-groups/${group}/suspend`, { reason: 'chaos' });
  await operators.whileRestoring(ofGroup, () =>
    actToEnd(chaos, 'POST', `enrollment-groups/${group}/restore`, { reason: 'chaos' }),
  );
  const from = random.between(0, ids.length - 3);
  const deviceIds = ids.slice(from, from + 2);
  await actToEnd(chaos, 'POST', 'device-acts', { act: 'revoke', reason: 'chaos', filter: { deviceIds } });
  for (const id of deviceIds) await operators.act(id, 'look');
}

/** Begins an act on many devices, again until it is taken, and waits until its message has done it. */
async function actToEnd(chaos: ChaosStack, method: string, path: string, body: unknown): Promise<void> {
  let actId: unknown;
  for (const since = Date.now(); Date.now() - since < longest; await sleep(250)) {
    if (actId === undefined) {
      const answer = await ask(chaos, method, path, body);
      // The first of two requests can have done it, and its answer was lost.
      if (answer?.status === 409) return;
      if (answer !== undefined && answer.status < 300) actId = actIdIn(answer.json);
      continue;
    }
    const act = await ask(chaos, 'GET', `device-acts/${actId}`);
    if (act?.status === 200 && act.json['status'] !== 'running') return;
    // A message that failed five times waits for an operator.
    await ask(chaos, 'POST', 'dead-letters/redrive');
  }
  throw new Error(`${method} ${path} did not end.`);
}

function actIdIn(json: Readonly<Record<string, unknown>>): unknown {
  const { actId, act } = json as { actId?: string; act?: { actId?: string } };
  // A group answers with its act.
  return actId ?? act?.actId;
}

async function killHosts(
  chaos: ChaosStack,
  tripwire: Tripwire,
  { random, kills, say }: { readonly random: Random; readonly kills: number; readonly say: (text: string) => void },
): Promise<void> {
  const host = chaos.stack.process('functions');
  for (let number = 1; number <= kills; number++) {
    const tripped = new Promise<void>((resolve) => {
      tripwire.arm(
        random.between(30, 250),
        random.pick(['before', 'after']),
        () => void host.kill('SIGKILL').then(resolve),
      );
    });
    await Promise.race([tripped, sleep(4_000)]);
    tripwire.disarm();
    await host.kill('SIGKILL');
    await breakLeases(chaos);
    await host.restart();
    say(`kill ${number} of ${kills}`);
  }
}

/** Repeats what was begun and cut, as an operator does, until every door is as it should be. */
async function finishActs(chaos: ChaosStack, operators: Operators): Promise<void> {
  for (const since = Date.now(); Date.now() - since < longest; await sleep(250)) {
    const underway = (await readDevices(chaos)).filter(({ status }) => status === 'closing' || status === 'opening');
    if (underway.length === 0) return;
    const actOf = ({ status, block }: DeviceDocument): DeviceAct => {
      if (status === 'opening') return 'restore';
      return block?.kind === 'suspended' ? 'suspend' : block?.kind === 'revoked' ? 'revoke' : 'scrap';
    };
    await pMap(underway, (device) => operators.act(device.id, actOf(device)), { concurrency: operatorsAtOnce });
  }
  throw new Error('Some devices are neither closed nor open.');
}

/** Tries every door of every blocked device. @returns the devices that can be restored */
async function tryBlocked(chaos: ChaosStack, kept: KeptBundles, problems: string[]): Promise<string[]> {
  const blocked = (await readDevices(chaos)).filter(isBlocked);
  await pMap(
    blocked,
    async ({ id, status }) => {
      const open = await openDoorsOf(chaos, id, kept);
      problems.push(...open.map((door) => `at the end ${id} is ${status}, and ${door}`));
    },
    { concurrency: 8 },
  );
  return blocked.flatMap(({ id, status }) => (status === 'suspended' ? [id] : []));
}

/** Every device in use can register with its present certificate. None is of those whose access has ended. @returns how many */
async function tryOthers(
  chaos: ChaosStack,
  { ended }: Operators,
  kept: KeptBundles,
  problems: string[],
): Promise<number> {
  await kept.collect();
  const live = (await readDevices(chaos)).filter(isLive);
  await pMap(
    live,
    async ({ id, serialNumber }) => {
      if (ended.has(id)) problems.push(`${id} was revoked, and is in use`);
      const credential = kept.of(id).find((each) => each.serialNumber === serialNumber);
      if (credential === undefined) problems.push(`${id} is in use, and has no bundle`);
      else if ((await knock(credential, chaos.stack.dps)) === undefined)
        problems.push(`${id} is in use, and DPS refuses it`);
    },
    { concurrency: 8 },
  );
  return live.length;
}
