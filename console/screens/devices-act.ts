import { html } from 'lit-html';
import { call, get } from '../api.ts';
import { duration, number, plural } from '../format.ts';
import { problemOf } from '../parts/basic.ts';
import { ask, closeDialog } from '../parts/dialog.ts';
import { go, type Place, to } from '../router.ts';
import { update } from '../store.ts';
import type { Devices, FleetAct, FleetActEstimate, FleetActRequest } from '../types.ts';
import { deviceQuery } from './device-query.ts';

type Kind = FleetActRequest['act'];
type Filter = FleetActRequest['filter'];

/** Most ids of one act (functions/http/fleet-acts.ts). */
const maxIds = 10_000;

const names = {
  suspend: { verb: 'Suspend', effect: 'They lose access until they are restored.' },
  restore: { verb: 'Restore', effect: 'Suspended devices get their access back.' },
  revoke: { verb: 'Revoke', effect: 'They lose access for good. This cannot be undone: each device needs a new id.' },
  scrap: { verb: 'Scrap', effect: 'They lose access for good, and are removed from hubs, registrations and archives.' },
} as const;

/**
 * Does one thing to many devices: those that were chosen, or all that the filters of the list match. The API counts them first,
 * so that the confirmation has the number.
 */
export async function actOnMany(
  act: Kind,
  devices: { readonly ids: readonly string[] } | { readonly place: Place },
): Promise<void> {
  const { verb, effect } = names[act];
  try {
    const filter = 'ids' in devices ? { deviceIds: [...devices.ids] } : await filterOf(devices.place);
    const request = { act, filter, reason: 'estimate' };
    const counted = await call<FleetActEstimate>('device-acts', { method: 'POST', json: { ...request, dryRun: true } });
    const { devices: count, minutes } = counted.body;
    if (count === 0) {
      update({ notice: { text: `None of these devices is to be changed: they are as “${act}” leaves them.` } });
      return;
    }
    const isFinal = act === 'revoke' || act === 'scrap';
    ask({
      title: `${verb} ${plural(count, 'device')}?`,
      text: html`${effect} It takes about ${duration(minutes * 60)}.`,
      confirm: `${verb} ${plural(count, 'device')}`,
      ...{ danger: act !== 'restore', reason: true },
      ...(isFinal && { typed: `${act} ${count}` }),
      async act(reason) {
        // Another number by now, such as of devices that joined the group since, is refused.
        const json = { act, filter, reason, expectedDevices: count };
        const { body } = await call<FleetAct>('device-acts', { method: 'POST', json });
        closeDialog();
        go(to(`/acts/${body.actId}`));
      },
    });
  } catch (error) {
    const { detail, hint = '' } = problemOf(error);
    update({ notice: { text: `${detail} ${hint}`, failed: true } });
  }
}

/** An act takes a group or a job as its filter. For other filters, the ids are read page by page. */
async function filterOf(place: Place): Promise<Filter> {
  const { continuation: _, ...query } = Object.fromEntries(deviceQuery(place, new Date()));
  const { group, job, ...others } = query;
  const isSimple = Object.keys(others).length === 0 && (group !== undefined || job !== undefined);
  if (isSimple) return { ...(group !== undefined && { group }), ...(job !== undefined && { job }) };
  const deviceIds: string[] = [];
  let next: string | undefined;
  do {
    const search = new URLSearchParams({ ...query, limit: '1000', ...(next !== undefined && { continuation: next }) });
    const page = await get<Devices>(`devices?${search}`);
    deviceIds.push(...page.devices.map(({ deviceId }) => deviceId));
    if (deviceIds.length > maxIds) throw new Error(tooMany);
    update({ notice: { text: `Reading devices: ${number(deviceIds.length)}` } });
    next = page.continuation;
  } while (next !== undefined);
  update({ notice: undefined });
  return { deviceIds };
}

const tooMany = `The filters match more than ${number(maxIds)} devices. Narrow them, or filter by a group or a job alone.`;
