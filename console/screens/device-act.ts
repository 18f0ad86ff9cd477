import { html, nothing } from 'lit-html';
import { call, get } from '../api.ts';
import { number, plural } from '../format.ts';
import { copyable, facts, heading, section, time, timeAgo } from '../parts/basic.ts';
import { partsBar } from '../parts/charts.ts';
import { ask } from '../parts/dialog.ts';
import { actStatus } from '../parts/status.ts';
import { table } from '../parts/table.ts';
import { to } from '../router.ts';
import { defineScreen } from '../screen.ts';
import { can } from '../session.ts';
import type { FleetAct } from '../types.ts';

type Refusal = FleetAct['refusals'][number];

/** One act on many devices, while it goes on and afterwards. */
export const deviceActScreen = defineScreen<FleetAct, object>({
  title: () => 'Act on devices',
  local: () => ({}),
  load: ({ params, signal }) => get<FleetAct>(`device-acts/${encodeURIComponent(params['id'] ?? '')}`, signal),
  again: ({ status }) => (status === 'running' ? 3 : undefined),
  view({ data, reload }) {
    const { actId, act, status, counts, reason, by, startedAt, finishedAt, refusals, cancelledBy, devicesPerMinute } =
      data;
    const cancel = () =>
      ask({
        title: 'Stop this act?',
        text: 'Devices that it has worked on stay as they are.',
        confirm: 'Stop it',
        danger: true,
        async act() {
          await call(`device-acts/${actId}/cancel`, { method: 'POST' });
          await reload();
        },
      });
    const canStop = status === 'running' && can('cancel-device-act');
    const parts = [
      { name: 'done', count: counts.done, tone: 'good' },
      { name: 'doors not closed yet', count: counts.underway, tone: 'busy' },
      { name: 'refused', count: counts.refused, tone: 'bad' },
    ] as const;
    const columns = [
      {
        name: 'Device',
        cell: ({ deviceId }: Refusal) => html`<a class="id" href=${to(`/devices/${deviceId}`)}>${deviceId}</a>`,
      },
      { name: 'Code', cell: ({ code }: Refusal) => html`<code>${code}</code>` },
      { name: 'Why', kind: 'wide' as const, cell: ({ message }: Refusal) => message },
    ];
    return html`
      ${heading(`${act} many devices`, { above: actStatus(status), actions: canStop ? html`<button type="button" @click=${cancel}>Stop</button>` : nothing })}
      <section class="panel progress-panel" aria-label="Progress">
        <p class="big" role="status"><strong>${plural(counts.done + counts.underway + counts.refused, 'device')} worked on</strong></p>
        ${partsBar('Devices', parts)}
      </section>
      ${
        refusals.length === 0
          ? nothing
          : section(
              'Refused',
              table('Refused devices', columns, refusals, ({ deviceId }) => deviceId),
              { note: 'The latest 20' },
            )
      }
      ${section(
        'About this act',
        facts([
          ['Id', copyable(actId)],
          ['Reason', reason],
          ['By', by],
          ['Started', timeAgo(startedAt)],
          ['Ended', finishedAt === undefined ? undefined : timeAgo(finishedAt)],
          ['Stopped by', cancelledBy === undefined ? undefined : html`${cancelledBy.by}, ${time(cancelledBy.at)}`],
          ['Devices per minute, at most', devicesPerMinute === undefined ? undefined : number(devicesPerMinute)],
        ]),
      )}
    `;
  },
});
