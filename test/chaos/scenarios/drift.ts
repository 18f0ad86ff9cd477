import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { createOpensslCa } from '../../openssl-ca.ts';
import { ask } from '../ask.ts';
import { createAzureApi } from '../azure-api.ts';
import { type ChaosStack, withChaosStack } from '../chaos-stack.ts';
import { register } from '../device.ts';
import { createKeptBundles, type KeptBundles, openDoorsOf } from '../device-doors.ts';
import { declareGroups, groups, queueOf, settled, upload, withRetries } from '../fleet.ts';
import { createIntruder, type Edit } from '../intruder.ts';
import { checkInvariants } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import type { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';
import { readDevices, readDpsFile } from '../stores.ts';
import { breakLeases, readFindings, sweptOnce } from '../sweeps.ts';
import { createTripwire, type Tripwire } from '../tripwire.ts';

const sizes = { short: { rows: 45, rounds: 1, kills: 2 }, long: { rows: 300, rounds: 6, kills: 4 } };

/** Groups without devices, for edits that would keep devices out. */
const bareGroups = ['bare1', 'bare2'] as const;

const hubs = ['hub-1.localhost', 'hub-2.localhost'] as const;

/** Messages that look at doors a second time wait for a minute. */
const waiting = ['device-blocks'];

/**
 * Someone else edits DPS and the hubs while sweeps run and hosts die. Every edit is found, as what it is, and nothing else is.
 * What is a matter of security repairs itself. When the other edits are repaired or taken back, every finding is gone.
 */
export const drift: Scenario = async ({ random, scale, say }) => {
  const { rows, rounds, kills } = sizes[scale];
  const tripwire = createTripwire();
  const { interfere } = tripwire;
  const strangers = issueStrangers(rounds);
  const options = {
    interfere: { blobs: interfere, cosmos: interfere, dps: interfere, hub: interfere },
    settings: {
      ...{ CHUNK_ROWS: '25', DPS_OPERATIONS_PER_MINUTE: '60000', HUB_REGISTRY_OPERATIONS_PER_MINUTE: '60000' },
      ...{ HUB_QUERIES_PER_MINUTE: '6000', SWEEP_SCHEDULE: '*/2 * * * * *' },
    },
    dpsArguments: ['--operations-per-minute', '60000', '--registrations-per-minute', '60000'],
  };
  return withChaosStack(options, async (chaos) => {
    await declareGroups(chaos);
    for (const id of bareGroups)
      await withRetries(() => chaos.api.put(`enrollment-groups/${id}`, { keyCustody: 'plain', target: 'dps-device' }));
    const dealtTo = [...groups.byCa, groups.individual];
    const manifest = makeManifest(random, { rows, prefix: 'unit', groups: dealtTo, badRows: 0 });
    await upload(chaos, 'fleet.csv', manifest.csv);
    await settled(chaos, 1);
    const kept = createKeptBundles(chaos);
    await kept.collect();
    await pMap(manifest.rows, ({ deviceId }) => registerAt(chaos, deviceId, kept), { concurrency: 8 });
    const fleet = new Fleet(chaos, manifest.rows);
    const blocked = fleet.takeBlocked(rounds);
    await pMap(blocked, ({ id, act }) => mustAnswer(chaos, `devices/${id}/${act}`), { concurrency: 4 });

    const problems: string[] = [];
    await sweptOnce(chaos);
    await expectFindings(chaos, [], 'before the first edit', problems);
    const everything: Edit[] = [];
    for (let round = 0; round < rounds; round++) {
      const strangerPem = strangers[round] ?? '';
      const edits = editsOf(chaos, fleet, blocked.slice(4 * round), { kept, strangerPem });
      everything.push(...edits);
      await Promise.all([
        makeAll(edits, random),
        killHosts(chaos, tripwire, { random: random.fork(`kills ${round}`), kills }),
      ]);
      await sweptOnce(chaos);
      await resumeRepairs(chaos);
      say(`round ${round + 1} of ${rounds}: ${edits.length} edits`);
      await expectFindings(chaos, everything, `after round ${round + 1}`, problems);
      await expectRepaired(chaos, edits, kept, problems);

      for (const { end } of edits) if (typeof end === 'function') await end();
      await repairAsked(chaos, edits, problems);
      await pMap(
        edits.filter(({ kind }) => kind === 'enrollment-missing'),
        ({ subject }) => registerAt(chaos, subject, kept),
      );
      await sweptOnce(chaos);
      const left = (await readFindings(chaos)).filter(({ state }) => state !== 'gone');
      problems.push(...left.map(({ kind, subject, state }) => `${kind} of ${subject.id} was ended, and is ${state}`));
    }
    await expectFindings(chaos, everything, 'at the end', problems);
    const report = await checkInvariants(chaos, [{ name: 'fleet.csv', rows: manifest.rows }], waiting);
    return {
      problems: [...problems, ...report.problems],
      metrics: { rounds, kills: kills * rounds, edits: everything.length, ...report.metrics },
    };
  });
};

/** CA certificates of another PKI. @returns PEM */
function issueStrangers(count: number): string[] {
  using ca = createOpensslCa();
  return Array.from({ length: count }, (_, index) => ca.issue({ subject: `/CN=Stranger ${index}` }).pem);
}

interface BlockedDevice {
  readonly id: string;
  readonly act: 'suspend' | 'revoke';
}

/** Deals out devices, so that no two edits meet at one. */
class Fleet {
  readonly #free: Map<string, string[]>;
  readonly #chaos: ChaosStack;

  constructor(chaos: ChaosStack, rows: readonly { readonly deviceId: string; readonly enrollmentGroup: string }[]) {
    this.#chaos = chaos;
    const byGroup = Map.groupBy(rows, ({ enrollmentGroup }) => enrollmentGroup);
    this.#free = new Map([...byGroup].map(([group, own]) => [group, own.map(({ deviceId }) => deviceId)]));
  }

  take(group: string): string {
    const id = this.#free.get(group)?.shift();
    if (id === undefined) throw new Error(`Group ${group} has no device left to edit.`);
    return id;
  }

  /** Four per round: one block is deleted, one is enabled, one individual enrollment is enabled, one identity is enabled. */
  takeBlocked(rounds: number): BlockedDevice[] {
    const [line7, line8] = groups.byCa;
    return Array.from({ length: rounds }).flatMap((): BlockedDevice[] => [
      { id: this.take(line7), act: 'revoke' },
      { id: this.take(line8), act: 'suspend' },
      { id: this.take(groups.individual), act: 'suspend' },
      { id: this.take(line7), act: 'revoke' },
    ]);
  }

  hubOf(deviceId: string): string {
    const [identity] = readDpsFile(this.#chaos.directory).identities.filter((each) => each.deviceId === deviceId);
    if (identity === undefined) throw new Error(`No hub has ${deviceId}.`);
    return identity.hub;
  }
}

function editsOf(
  { stack }: ChaosStack,
  fleet: Fleet,
  blocked: readonly BlockedDevice[],
  { kept, strangerPem }: { readonly kept: KeptBundles; readonly strangerPem: string },
): Edit[] {
  const intruder = createIntruder(createAzureApi(stack));
  const [line7, line8] = groups.byCa;
  const [removed = '', enabled = '', enabledOwn = '', connected = ''] = blocked.map(({ id }) => id);
  const at = (edit: (id: string, hub: string) => Edit, group: string = line7): Edit => {
    const id = fleet.take(group);
    return edit(id, fleet.hubOf(id));
  };
  const missing = fleet.take(groups.individual);
  const [{ chainPem = '' } = {}] = kept.of(missing);
  return [
    intruder.deleteGroup(line8),
    intruder.changeGroup(bareGroups[0]),
    intruder.addCaToGroup(bareGroups[1], strangerPem),
    intruder.deleteEnrollment(missing, chainPem.split('\n\n')[0] ?? ''),
    intruder.changeEnrollment(fleet.take(groups.individual)),
    intruder.disableEnrollment(fleet.take(groups.individual)),
    intruder.enrollStranger(fleet.take(line7)),
    intruder.deleteBlock(removed),
    intruder.enableBlock(enabled),
    intruder.enableBlock(enabledOwn),
    intruder.enableRevoked(connected, fleet.hubOf(connected)),
    at(intruder.changeTags, line8),
    at(intruder.useKeys),
    at(intruder.useOtherCertificate, line8),
    at(intruder.disableIdentity, groups.individual),
    at(intruder.deleteIdentity),
    at((id, from) => intruder.moveIdentity(id, from, hubs.find((hub) => hub !== from) ?? ''), line8),
  ];
}

async function registerAt({ stack }: ChaosStack, deviceId: string, kept: KeptBundles): Promise<void> {
  const credential = kept.of(deviceId).at(-1);
  if (credential === undefined) throw new Error(`There is no bundle of ${deviceId}.`);
  if ((await register(credential, stack.dps)) === undefined) throw new Error(`DPS refuses ${deviceId}.`);
}

async function mustAnswer(chaos: ChaosStack, path: string): Promise<void> {
  const answer = await ask(chaos, 'POST', path, { reason: 'chaos' });
  if (answer?.status !== 200) throw new Error(`POST ${path}: ${answer?.status} ${JSON.stringify(answer?.json)}`);
}

/** In an order and at times that no sweep expects. */
async function makeAll(edits: readonly Edit[], random: Random): Promise<void> {
  const order = edits.map((edit) => ({ edit, place: random.next() })).sort((a, b) => a.place - b.place);
  for (const { edit } of order) {
    await edit.make();
    await sleep(random.between(0, 400));
  }
}

async function killHosts(
  chaos: ChaosStack,
  tripwire: Tripwire,
  { random, kills }: { readonly random: Random; readonly kills: number },
): Promise<void> {
  const host = chaos.stack.process('functions');
  for (let number = 1; number <= kills; number++) {
    const tripped = new Promise<void>((resolve) => {
      tripwire.arm(
        random.between(5, 120),
        random.pick(['before', 'after']),
        () => void host.kill('SIGKILL').then(resolve),
      );
    });
    await Promise.race([tripped, sleep(4_000)]);
    tripwire.disarm();
    await host.kill('SIGKILL');
    await breakLeases(chaos);
    await host.restart();
  }
}

/** Every edit has its finding, and every finding its edit. */
async function expectFindings(
  chaos: ChaosStack,
  edits: readonly Edit[],
  when: string,
  problems: string[],
): Promise<void> {
  const findings = await readFindings(chaos);
  for (const { kind, subject } of edits) {
    if (!findings.some((each) => each.kind === kind && each.subject.id === subject))
      problems.push(`${when}: no finding ${kind} of ${subject}`);
  }
  for (const { kind, subject, seen, state } of findings) {
    const isRight = (edit: Edit) =>
      edit.subject === subject.id && (edit.kind === kind || edit.also?.includes(kind) === true);
    if (!edits.some(isRight))
      problems.push(`${when}: finding ${kind} of ${subject.id} (${state}), which is not so: ${JSON.stringify(seen)}`);
  }
}

/**
 * Goes on with repairs that a kill has cut. The timer would send these messages some minutes later (`resumeBlocks`). Then
 * another sweep looks.
 */
async function resumeRepairs(chaos: ChaosStack): Promise<void> {
  const closing = async () => (await readDevices(chaos)).filter(({ status }) => status === 'closing');
  const cut = await closing();
  if (cut.length === 0) return;
  for (const { id } of cut) await queueOf(chaos, 'device-blocks').sendMessage(JSON.stringify({ deviceId: id }));
  for (const since = Date.now(); (await closing()).length > 0; await sleep(200)) {
    if (Date.now() - since > 60_000) throw new Error('Some devices do not close.');
  }
  await sweptOnce(chaos);
}

/** Findings that are a matter of security were repaired by the product itself. */
async function expectRepaired(
  chaos: ChaosStack,
  edits: readonly Edit[],
  kept: KeptBundles,
  problems: string[],
): Promise<void> {
  const findings = await readFindings(chaos);
  for (const { kind, subject, end } of edits) {
    if (end !== 'self') continue;
    const finding = findings.find((each) => each.kind === kind && each.subject.id === subject);
    // A repair that was cut short was finished by the queue, so a later sweep finds nothing to repair.
    const isOver = finding?.state === 'repaired' || finding?.state === 'gone';
    if (!isOver) problems.push(`${kind} of ${subject} is ${finding?.state}: ${JSON.stringify(finding?.acts)}`);
    const isDevice = kind !== 'group-missing';
    const open = isDevice ? await openDoorsOf(chaos, subject, kept) : [];
    problems.push(...open.map((door) => `${kind} of ${subject} was repaired, and ${door}`));
    if (!isDevice && !readDpsFile(chaos.directory).groups.some(({ id }) => id === subject))
      problems.push(`group ${subject} was deleted, and DPS does not have it again`);
  }
}

async function repairAsked(chaos: ChaosStack, edits: readonly Edit[], problems: string[]): Promise<void> {
  const findings = await readFindings(chaos);
  for (const { kind, subject, end } of edits) {
    if (end !== 'asked') continue;
    const id = findings.find((each) => each.kind === kind && each.subject.id === subject)?.id;
    if (id === undefined) continue;
    const answer = await ask(chaos, 'POST', `findings/${id}/repair`, { reason: 'chaos' });
    if (answer?.status !== 200) problems.push(`the repair of ${kind} of ${subject} answered ${answer?.status}`);
  }
}
