import { createEventQueue } from './event-queue.ts';
import { type Life, renewalOf, retryOf, waitAfter } from './iot-edge.ts';
import type { Quota } from './quota.ts';

export interface Renewals {
  readonly lives: readonly Life[];
  /** Issues the certificate. IoT Edge does not wait for it: a refusal is a failed renewal. */
  readonly est: Quota;
  /** Takes the registration with the new certificate. */
  readonly dps: Quota;
  /** 0 to below 1. */
  readonly random: () => number;
}

export interface RenewalOutcome {
  readonly renewed: number;
  /** Devices whose certificate ended first. They do not come back without a technician. */
  readonly expired: number;
  /** Renewals that failed; a device can have several. */
  readonly failures: number;
  /** Registrations that DPS saw in the busiest minute of the clock, refused ones included. */
  readonly busiestMinute: number;
}

/** A registration, or the begin of a renewal where nothing was refused yet. */
interface Attempt {
  readonly life: Life;
  readonly refused: number;
}

/** Lets each device renew once, by the policy of IoT Edge. */
export function simulateRenewals({ lives, est, dps, random }: Renewals): RenewalOutcome {
  const queue = createEventQueue<Attempt>();
  for (const life of lives) queue.add(renewalOf(life), { life, refused: 0 });
  const outcome = { renewed: 0, expired: 0, failures: 0, busiestMinute: 0 };
  let [minute, seen] = [0, 0];

  function fail(life: Life, at: number): void {
    outcome.failures += 1;
    queue.add(retryOf(life, at), { life, refused: 0 });
  }

  for (let next = queue.next(); next !== undefined; next = queue.next()) {
    const { at, event } = next;
    const { life, refused } = event;
    if (at >= life.notAfter) {
      outcome.expired += 1;
      continue;
    }
    if (refused === 0 && !est.take(at)) {
      fail(life, at);
      continue;
    }
    const now = Math.floor(at / 60_000);
    seen = now === minute ? seen + 1 : 1;
    minute = now;
    outcome.busiestMinute = Math.max(outcome.busiestMinute, seen);
    if (dps.take(at)) {
      outcome.renewed += 1;
      continue;
    }
    const wait = waitAfter(refused + 1, random());
    if (wait === undefined) fail(life, at);
    else queue.add(at + wait, { life, refused: refused + 1 });
  }
  return outcome;
}
