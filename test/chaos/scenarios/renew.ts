import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { readArchives } from '../archives.ts';
import { type ChaosStack, type Service, withChaosStack } from '../chaos-stack.ts';
import { register } from '../device.ts';
import { createFaults } from '../faults.ts';
import { settled, upload, withRetries } from '../fleet.ts';
import { checkInvariants } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import { chain, type Interference, transparent } from '../proxy.ts';
import type { Random } from '../random.ts';
import { checkRenewals } from '../renewal-ledger.ts';
import { createRenewingDevice, type Habits, type RenewingDevice } from '../renewing-device.ts';
import { createRequestBook, type RequestBook } from '../request-book.ts';
import type { Scenario } from '../scenario.ts';
import { readUnconfirmed, type UnconfirmedDevice } from '../stores.ts';
import { breakLeases } from '../sweeps.ts';
import { createTripwire, type Tripwire } from '../tripwire.ts';

const sizes = {
  short: { rows: 120, atOnce: 24, kills: 4, silent: 0 },
  long: { rows: 5_000, atOnce: 64, kills: 40, silent: 0.001 },
};

const renewals = 2;

/** An enrollment group for the devices, and one whose gateways have an `est-id`. */
const groups = ['line7', 'line8'] as const;

/** Milliseconds after which a host is killed even if the hosts have made too few requests. */
const longestLife = 20_000;

/** Milliseconds until the timer has seen the last registrations. */
const confirmTimeout = 180_000;

/**
 * Devices renew their identity twice, while the EST server and the other host are killed and services refuse. They send a
 * request twice, lose the answer, and give up and ask with another key. At the end each has one live identity, with which it
 * registers and signs in to the EST server; and each request was answered by one certificate.
 */
export const renew: Scenario = async ({ random, scale, say }) => {
  const { rows, atOnce, kills, silent } = sizes[scale];
  const tripwire = createTripwire();
  const rates = { throttled: 0.01, error: 0.01, reset: 0.01, lost: 0.01, half: 0.01, conflict: 0.02, silent };
  const faults = createFaults(random.fork('faults'), rates, 'request');
  let isAttacked = false;
  const bad = (service: Service): Interference => {
    const wanted = chain(tripwire.interfere, faults.interfere(service));
    return (request, forward) => (isAttacked ? wanted : transparent)(request, forward);
  };
  const options = {
    estHosts: 1,
    interfere: {
      ...{ blobs: bad('blobs'), queues: bad('queues'), cosmos: bad('cosmos'), dps: bad('dps'), hub: bad('hub') },
    },
    settings: {
      ...{ CHUNK_ROWS: '100', DPS_OPERATIONS_PER_MINUTE: '60000', HUB_REGISTRY_OPERATIONS_PER_MINUTE: '60000' },
    },
    dpsArguments: ['--operations-per-minute', '60000', '--registrations-per-minute', '60000'],
    reconcileSchedule: '*/2 * * * * *',
  };
  return withChaosStack(options, async (chaos) => {
    for (const id of groups) await withRetries(() => chaos.api.put(`enrollment-groups/${id}`, definition));
    const manifest = makeManifest(random, { rows, prefix: 'unit', groups, badRows: 0 });
    await upload(chaos, 'fleet.csv', manifest.csv);
    await settled(chaos, 1);
    const problems: string[] = [];
    const book = createRequestBook();
    const addProblem = (problem: string) => void problems.push(problem);
    const fleet = await createFleet(chaos, { random, book, addProblem });

    isAttacked = true;
    const ending = new AbortController();
    let done = 0;
    const renewAll = async () => {
      await pMap(
        fleet,
        async (device) => {
          await firstRegistration(chaos, device);
          for (let times = 0; times < renewals; times++) await device.renew();
          done += 1;
        },
        { concurrency: atOnce },
      );
      ending.abort();
    };
    const attack = { random: random.fork('kills'), kills, ending: ending.signal };
    const [, killed] = await Promise.all([
      renewAll(),
      killHosts(chaos, tripwire, { ...attack, say: (text) => say(`${text}; ${done} of ${rows} devices`) }),
    ]);
    isAttacked = false;
    faults.stop();

    await allConfirmed(chaos, fleet, book);
    const figures = await checkRenewals(chaos, fleet, book, addProblem);
    const report = await checkInvariants(chaos, [{ name: 'fleet.csv', rows: manifest.rows }]);
    const attempts = Object.values(faults.counts).reduce((sum, count) => sum + count, 0);
    return {
      problems: [...problems, ...report.problems, ...faults.tooEarly],
      metrics: { kills: killed, refused: attempts, renewals: renewals * rows, ...figures, ...report.metrics },
    };
  });
};

const definition = {
  ...{ keyCustody: 'plain', target: 'iotedge-1.5', est: 'fleet' },
  reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
};

interface FleetOptions {
  readonly random: Random;
  readonly book: RequestBook;
  readonly addProblem: (problem: string) => void;
}

/** Devices with the credentials and the EST server of their bundles. Half of them are gateways. */
async function createFleet({ stack }: ChaosStack, options: FleetOptions): Promise<RenewingDevice[]> {
  const { bundles } = await readArchives(stack.storageConnectionString);
  return bundles.map((bundle, index) => {
    const random = options.random.fork(bundle.deviceId);
    const habits: Habits = {
      isGateway: index % 2 === 0,
      usesRsa: index % 20 < 2,
      ...{ twice: 0.1, impatient: 0.1, loses: 0.05 },
    };
    if (bundle.estUrl === undefined) throw new Error(`The bundle of ${bundle.deviceId} names no EST server.`);
    return createRenewingDevice({ ...options, bundle, habits, estUrl: bundle.estUrl, random, stack });
  });
}

async function firstRegistration({ stack }: ChaosStack, { id, identity }: RenewingDevice): Promise<void> {
  if ((await register(identity, stack.dps)) === undefined) throw new Error(`DPS refuses ${id}.`);
}

interface Killing {
  readonly random: Random;
  readonly kills: number;
  /** When the devices have renewed. */
  readonly ending: AbortSignal;
  readonly say: (text: string) => void;
}

/** The EST server is killed more often: it has the work. @returns how many hosts were killed */
async function killHosts(
  chaos: ChaosStack,
  tripwire: Tripwire,
  { random, kills, ending, say }: Killing,
): Promise<number> {
  for (let number = 1; number <= kills; number++) {
    const name = random.pick(['est', 'est', 'est', 'functions']);
    const host = chaos.stack.process(name);
    const tripped = new Promise<void>((resolve) => {
      tripwire.arm(
        random.between(50, 1_000),
        random.pick(['before', 'after']),
        () => void host.kill('SIGKILL').then(resolve),
      );
    });
    await Promise.race([tripped, sleep(longestLife, undefined, { signal: ending }).catch(() => undefined)]);
    tripwire.disarm();
    if (ending.aborted) return number - 1;
    await host.kill('SIGKILL');
    await breakLeases(chaos);
    await host.restart();
    say(`kill ${number} of ${kills}: ${name}`);
  }
  return kills;
}

/**
 * Waits until each record has the identity with which its device registered last. The ledger names those that have not. A device
 * that gave a request up can wait for longer: it never got the identity that its record awaits.
 */
async function allConfirmed(chaos: ChaosStack, fleet: readonly RenewingDevice[], book: RequestBook): Promise<void> {
  const used = new Map(fleet.map(({ id, identity }) => [id, identity.serialNumber]));
  const given = new Set(
    [...book.requests.values()].flatMap(({ answers }) =>
      [...answers.values()].map(({ serialNumber }) => serialNumber.toLowerCase()),
    ),
  );
  for (const since = Date.now(); Date.now() - since < confirmTimeout; await sleep(500)) {
    const isSettled = ({ id, serialNumber, isConfirmed }: UnconfirmedDevice) =>
      isConfirmed ? serialNumber === used.get(id) : !given.has(serialNumber);
    if ((await readUnconfirmed(chaos)).every(isSettled)) return;
  }
}
