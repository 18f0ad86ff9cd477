import { html } from 'lit-html';
import { get } from '../api.ts';
import { number } from '../format.ts';
import { action, empty, heading, time } from '../parts/basic.ts';
import { actStatus } from '../parts/status.ts';
import { pager, table } from '../parts/table.ts';
import { to } from '../router.ts';
import { defineScreen } from '../screen.ts';
import type { FleetAct, FleetActs } from '../types.ts';

/** Acts on many devices at once. */
export const deviceActsScreen = defineScreen<FleetActs, object>({
  title: () => 'Acts on devices',
  local: () => ({}),
  load({ place, signal }) {
    const query = new URLSearchParams(place.query);
    query.set('limit', '50');
    return get<FleetActs>(`device-acts?${query}`, signal);
  },
  again: ({ acts }) => (acts.some(({ status }) => status === 'running') ? 5 : undefined),
  view: ({ place, data: { acts, continuation } }) => html`
    ${heading('Acts on devices', { above: 'What was done to many devices at once' })}
    ${
      acts.length > 0
        ? table('Acts', columns, acts, ({ actId }) => actId)
        : empty(
            'Nothing was done to many devices yet.',
            'Select devices in the list to suspend, revoke, restore or scrap them together.',
            action(to('/devices'), 'Go to the devices'),
          )
    }
    ${pager(place, continuation)}
  `,
});

const columns = [
  { name: 'Act', cell: ({ actId, act }: FleetAct) => html`<a href=${to(`/acts/${actId}`)}>${act}</a>` },
  { name: 'Status', cell: ({ status }: FleetAct) => actStatus(status) },
  { name: 'Done', kind: 'number' as const, cell: ({ counts }: FleetAct) => number(counts.done) },
  { name: 'Refused', kind: 'number' as const, cell: ({ counts }: FleetAct) => number(counts.refused) },
  { name: 'Reason', kind: 'wide' as const, cell: ({ reason }: FleetAct) => reason },
  { name: 'By', cell: ({ by }: FleetAct) => by },
  { name: 'Started', cell: ({ startedAt }: FleetAct) => time(startedAt) },
];
