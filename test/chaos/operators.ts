import { setTimeout as sleep } from 'node:timers/promises';
import { type Answered, ask } from './ask.ts';
import type { ChaosStack } from './chaos-stack.ts';
import { type KeptBundles, openDoorsOf } from './device-doors.ts';
import type { Random } from './random.ts';

/** The acts of an operator on one device. `look` reads it. */
export type DeviceAct = 'suspend' | 'revoke' | 'restore' | 'scrap' | 'look';

/** Statuses that say that every door is closed. */
const closedStatuses = ['suspended', 'revoked', 'scrapped'];
const finalStatuses = ['revoked', 'scrapped'];

export interface Operators {
  /** Acts on a device. When the answer says that its access has ended, tries all of its doors at once. */
  act(deviceId: string, act: DeviceAct): Promise<Answered | undefined>;
  /** Runs `work`, which can restore the devices: an answer of another operator says nothing about them meanwhile. */
  whileRestoring<T>(deviceIds: readonly string[], work: () => Promise<T>): Promise<T>;
  /** Devices of which an answer said that their access has ended for good. */
  readonly ended: ReadonlySet<string>;
  /** Doors that were open after an answer had said that they were closed. */
  readonly problems: readonly string[];
  /** Answers by act and status; and how often the doors were tried. */
  readonly counts: Readonly<Record<string, number>>;
}

export function createOperators(chaos: ChaosStack, kept: KeptBundles): Operators {
  const problems: string[] = [];
  const counts: Record<string, number> = { tried: 0 };
  const ended = new Set<string>();
  /** By device: restores that are under way, and how many have begun. */
  const restores = new Map<string, { running: number; begun: number }>();
  const restoresOf = (deviceId: string) => restores.get(deviceId) ?? { running: 0, begun: 0 };

  async function whileRestoring<T>(deviceIds: readonly string[], work: () => Promise<T>): Promise<T> {
    const change = (running: number, begun: number) => {
      for (const id of deviceIds) {
        const before = restoresOf(id);
        restores.set(id, { running: before.running + running, begun: before.begun + begun });
      }
    };
    change(1, 1);
    try {
      return await work();
    } finally {
      change(-1, 0);
    }
  }

  async function checked(deviceId: string, act: DeviceAct): Promise<Answered | undefined> {
    const before = restoresOf(deviceId);
    const answer = await sendUntilAnswered(act, deviceId);
    const status = String(answer?.json['status']);
    if (answer?.status !== 200 || !closedStatuses.includes(status)) return answer;
    if (finalStatuses.includes(status)) ended.add(deviceId);
    const open = await openDoorsOf(chaos, deviceId, kept);
    counts['tried'] = (counts['tried'] ?? 0) + 1;
    // A suspension holds until a restore begins. A revocation holds.
    const after = restoresOf(deviceId);
    const holds = finalStatuses.includes(status) || (before.running === 0 && after.begun === before.begun);
    if (holds) problems.push(...open.map((door) => `${act} answered that ${deviceId} is ${status}, and ${door}`));
    return answer;
  }

  /** An operator repeats a request whose answer was lost. */
  async function sendUntilAnswered(act: DeviceAct, deviceId: string): Promise<Answered | undefined> {
    for (let tries = 1; ; tries++) {
      const answer = await send(chaos, deviceId, act);
      count(act, answer);
      if (answer !== undefined || tries === 20) return answer;
      await sleep(500);
    }
  }

  function count(act: DeviceAct, answer: Answered | undefined): void {
    const name = `${act}.${answer?.status ?? 'lost'}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }

  return {
    act: (deviceId, act) =>
      act === 'restore' ? whileRestoring([deviceId], () => checked(deviceId, act)) : checked(deviceId, act),
    whileRestoring,
    ended,
    problems,
    counts,
  };
}

function send(chaos: ChaosStack, deviceId: string, act: DeviceAct): Promise<Answered | undefined> {
  if (act === 'look') return ask(chaos, 'GET', `devices/${deviceId}`);
  if (act === 'scrap') return ask(chaos, 'DELETE', `devices/${deviceId}?reason=chaos`);
  return ask(chaos, 'POST', `devices/${deviceId}/${act}`, { reason: 'chaos' });
}

/** More suspensions and restores than acts that are final: those leave nothing to do to a device. */
export function randomAct(random: Random): DeviceAct {
  return random.pick([
    'suspend',
    'suspend',
    'suspend',
    'restore',
    'restore',
    'restore',
    'revoke',
    'scrap',
    'look',
    'look',
  ]);
}
