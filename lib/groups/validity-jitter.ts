import { limits } from '../limits-and-prices.ts';
import type { GroupDefinition } from './definition.ts';
import type { GroupRecord } from './group.ts';

/*
 * The window over which the ends of a group's certificates are spread (lib/pki/spread.ts). IoT Edge renews at a share of the
 * life and adds nothing random, so devices that were issued together would renew together.
 */

/** Renewals of one group per minute at most: half of what DPS takes. The rest is for first registrations and other groups. */
export const renewalsPerMinute = (limits.dpsRegistrations.count * 60) / limits.dpsRegistrations.seconds / 2;

/**
 * Minutes in which the identity service of IoT Edge tries to register before a renewal has failed: it waits 60, 120, 180 and
 * 300 s after a 429 of DPS (Azure/iot-identity-service).
 */
export const tryingMinutes = 11;

/** Hours for which devices of a plant are off: from Friday at 16:00 to Monday at 08:00. */
const offHours = 64;

/**
 * Renewals of one group per day at most, some 2,060. Devices that were off over a weekend renew together as soon as they
 * are on. So as many may be due in a weekend as DPS takes, at half of its quota, before the devices give up.
 */
const renewalsPerDay = (renewalsPerMinute * tryingMinutes * 24) / offHours;

/** Small groups are spread too: many of them share one DPS. A day separates the devices of one shift. */
const minDays = 1;

/**
 * Share of the life that the window takes at most. With it, the shortest life keeps nine tenths of the time for which a device
 * can be offline before its end (20 % of its life, with IoT Edge's threshold of 80 %): 65 days instead of 73 in a year.
 */
const maxShare = 0.1;

/** All of a definition that decides about the window. */
export type SpreadDefinition = Pick<GroupDefinition, 'validityDays' | 'validityJitterDays' | 'est'>;

/**
 * Days over which the ends of a group's certificates are spread: `validityJitterDays`, or by default from the size of the
 * group. Issuing and renewing use the same window.
 * @param devices that the group has or gets. It counts as the next power of two, so the window changes only when the group
 * doubles
 * @returns 0 to half of `validityDays`
 * @example
 * jitterDaysOf({ validityDays: 365 }, 10_000) // 9.93
 */
export function jitterDaysOf(definition: SpreadDefinition, devices: number): number {
  const { validityDays, validityJitterDays } = definition;
  if (validityJitterDays !== undefined) return Math.min(validityJitterDays, validityDays / 2);
  const needed = sizeClassOf(devices) / renewalsPerDay / renewalShareOf(definition);
  return Math.min(Math.max(needed, minDays), validityDays * maxShare);
}

/** @returns the next power of two; 0 for none */
export function sizeClassOf(devices: number): number {
  return devices < 1 ? 0 : 2 ** Math.ceil(Math.log2(devices));
}

/** Smaller groups have the smallest window, so their size is not noted. */
const smallestNotedSize = 1024;

/** The group with its size noted. @returns its argument when nothing changes */
export function withSize(group: GroupRecord, devices: number): GroupRecord {
  const size = sizeClassOf(devices);
  const deviceScale = size < smallestNotedSize ? undefined : size;
  if (group.deviceScale === deviceScale) return group;
  const { deviceScale: _before, ...rest } = group;
  return deviceScale === undefined ? rest : { ...rest, deviceScale };
}

/** How fast the devices of a group renew if all were issued at the same time. */
export interface RenewalPace {
  readonly jitterDays: number;
  readonly perDay: number;
  /** All devices where nothing is spread: all renew in the same minute. */
  readonly perMinute: number;
}

/** @param devices as for `jitterDaysOf` */
export function renewalPaceOf(definition: SpreadDefinition, devices: number): RenewalPace {
  const jitterDays = jitterDaysOf(definition, devices);
  const days = jitterDays * renewalShareOf(definition);
  const pace = (unit: number) => Math.min(devices, days === 0 ? devices : (devices / days) * unit);
  return { jitterDays, perDay: pace(1), perMinute: pace(1 / (24 * 60)) };
}

/** IoT Edge's own threshold (Azure/iot-identity-service, cert/cert-renewal). */
const defaultThreshold = '80%';

/**
 * How wide renewals are spread, as a share of the window: a device that renews at 80 % of its life renews 0.8 days earlier when
 * its certificate ends a day earlier. With a fixed time before the end, it renews a day earlier.
 */
function renewalShareOf({ est }: Pick<GroupDefinition, 'est'>): number {
  const [, percent] = /^(\d+)%$/.exec(est?.threshold ?? defaultThreshold) ?? [];
  return percent === undefined ? 1 : Number(percent) / 100;
}
