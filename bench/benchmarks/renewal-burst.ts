import { parseGroupDefinition } from '../../lib/groups/definition.ts';
import { jitterDaysOf, renewalsPerMinute, tryingMinutes } from '../../lib/groups/validity-jitter.ts';
import { limits } from '../../lib/limits-and-prices.ts';
import { issuanceMaxAgeMs } from '../../lib/pipeline/issuance.ts';
import { profiles, validityFrom } from '../../lib/pki/profiles.ts';
import { spreadEnd } from '../../lib/pki/spread.ts';
import { type Benchmark, type Run, single } from '../benchmark.ts';
import type { Life } from '../renewal/iot-edge.ts';
import { clockWindow, slidingMinute, unlimited } from '../renewal/quota.ts';
import { createRandom } from '../renewal/random.ts';
import { type RenewalOutcome, simulateRenewals } from '../renewal/simulation.ts';

const allDevices = 100_000;
const minute = 60_000;
const issuedAt = Date.UTC(2026, 10, 30, 8);
const { validityDays } = parseGroupDefinition('bench', { keyCustody: 'device' });

interface Scenario {
  readonly devices: number;
  readonly minutes: number;
  readonly spread: boolean;
  readonly est: 'fleet' | 'other';
}

/** The certificates as lib/pki issues them. An issuer counts from the time at which its group was opened. */
function livesOf({ devices, minutes, spread }: Scenario): Life[] {
  const jitterDays = spread ? jitterDaysOf({ validityDays }, devices) : 0;
  return Array.from({ length: devices }, (_, number) => {
    const later = Math.floor(((number / devices) * minutes * minute) / issuanceMaxAgeMs) * issuanceMaxAgeMs;
    const now = new Date(issuedAt + later);
    const { notBefore, notAfter } = validityFrom(now, validityDays, profiles['device-identity']);
    const end = spreadEnd(`gw-${String(number).padStart(6, '0')}`, { now, notAfter, validityDays, jitterDays });
    return { notBefore: notBefore.getTime(), notAfter: end.getTime() };
  });
}

function simulate(scenario: Scenario, seed: number): RenewalOutcome {
  const outcome = simulateRenewals({
    lives: livesOf(scenario),
    est: scenario.est === 'fleet' ? clockWindow(renewalsPerMinute * tryingMinutes, tryingMinutes) : unlimited,
    dps: slidingMinute(limits.dpsRegistrations.count),
    random: createRandom(seed),
  });
  if (outcome.renewed + outcome.expired !== scenario.devices)
    throw new Error(`Devices are lost: ${JSON.stringify(outcome)}.`);
  return outcome;
}

export const renewalBurst: Benchmark = {
  name: 'renewal-burst',
  what:
    'A simulation: devices of one group are issued in an hour or in a minute, for a year, and renew by the policy of IoT Edge (at 80 % of the life, ' +
    'again after each 4 %, nothing random; after a 429 of DPS five tries in 11 minutes). DPS takes 1,000 registrations a minute. Our EST server issues 5,500 ' +
    'in 11 minutes, half of that, and IoT Edge does not wait for it: a refusal is a failed renewal. Ends of certificates come from the code of the product, with the ' +
    'default window of 36.5 days and without one. With the spread, all four cases are run in each round, and the worst is shown.',

  async run({ rounds, scale, say }: Run) {
    const devices = Math.round(allDevices * scale);
    const cases = [60, 1].flatMap((minutes) => (['fleet', 'other'] as const).map((est) => ({ devices, minutes, est })));
    const spread: RenewalOutcome[] = [];
    for (let round = 1; round <= rounds; round++) {
      for (const each of cases) spread.push(simulate({ ...each, spread: true }, round));
    }
    const worst = (figure: (outcome: RenewalOutcome) => number) => Math.max(...spread.map(figure));
    const n = devices.toLocaleString('en');
    const without = cases.map((each) => {
      const server = each.est === 'fleet' ? 'our EST server' : 'another EST server without a limit';
      const pace = each.minutes === 1 ? 'a minute' : 'an hour';
      say(`  without the spread, ${pace}, ${each.est}`);
      const { expired } = simulate({ ...each, spread: false }, 1);
      return single(`without the spread, ${n} issued in ${pace}, ${server}: expired`, 'devices', expired);
    });
    return {
      measurements: [
        single(
          `with the spread, ${n} devices: expired`,
          'devices',
          worst(({ expired }) => expired),
          { atMost: 0 },
        ),
        single(
          'with the spread: renewals that failed',
          'renewals',
          worst(({ failures }) => failures),
        ),
        single(
          'with the spread: registrations in the busiest minute',
          'registrations',
          worst(({ busiestMinute }) => busiestMinute),
          { atMost: renewalsPerMinute },
        ),
        ...without,
      ],
    };
  },
};
