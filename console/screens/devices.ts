import { html, nothing, type TemplateResult } from 'lit-html';
import { get } from '../api.ts';
import { number, plural } from '../format.ts';
import { action, empty, heading, time } from '../parts/basic.ts';
import { deviceStatus, deviceTones } from '../parts/status.ts';
import { clearFilters, filter, pager, table } from '../parts/table.ts';
import { go, type Place, to } from '../router.ts';
import { defineScreen, follow, type Page } from '../screen.ts';
import { can } from '../session.ts';
import type { Device, Devices, EnrollmentGroups } from '../types.ts';
import { deviceQuery } from './device-query.ts';
import { actOnMany } from './devices-act.ts';

interface Data extends Devices {
  readonly groups: readonly string[];
}

interface Local {
  /** A set of devices, not of rows: it survives filters and pages. */
  readonly chosen: ReadonlySet<string>;
  /** All that the filter matches are selected, on every page. */
  readonly all: boolean;
}

const expiries = [
  ['', 'Any end of certificate'],
  ['0', 'Certificate has ended'],
  ['30', 'Ends within 30 days'],
  ['90', 'Ends within 90 days'],
] as const;

export const devicesScreen = defineScreen<Data, Local>({
  title: () => 'Devices',
  local: () => ({ chosen: new Set(), all: false }),
  async load({ place, signal, before }) {
    const query = deviceQuery(place, new Date());
    query.set('limit', '50');
    const groups =
      before?.groups ?? (await get<EnrollmentGroups>('enrollment-groups', signal)).enrollmentGroups.map(({ id }) => id);
    const page = await get<Devices>(`devices?${query}`, signal);
    const sought = place.query.get('idPrefix')?.toLowerCase();
    const [first, ...others] = page.devices;
    // A scanner asks for one device: lead to it. A certificate is of one device, too.
    const isOne = first !== undefined && others.length === 0 && place.query.size === 1;
    if (isOne && (first.deviceId === sought || place.query.has('certificate'))) {
      go(to(`/devices/${first.deviceId}`), { replace: true });
    }
    return { ...page, groups };
  },
  view(page) {
    const { place, data, local, set } = page;
    const { devices, groups } = data;
    const choose = (ids: readonly string[], isChosen: boolean) => {
      const chosen = new Set(local.chosen);
      for (const id of ids) isChosen ? chosen.add(id) : chosen.delete(id);
      set({ chosen, all: false });
    };
    const selection = can('begin-device-act') ? { chosen: local.chosen, choose } : undefined;
    const options = (all: string, values: readonly string[]) =>
      [['', all], ...values.map((each) => [each, each] as const)] as const;
    return html`
      ${heading('Devices', {
        above: 'By id',
        actions: can('list-device-acts') ? action(to('/acts'), 'Acts on many devices') : nothing,
      })}
      <div class="filters">
        ${prefixField(place)} ${filter(place, 'group', 'Group', options('Any group', groups), follow)}
        ${filter(place, 'status', 'Status', options('Any status', Object.keys(deviceTones)), follow)}
        ${filter(place, 'expires', 'Certificate', expiries, follow)}
        ${place.query.has('job') ? html`<span class="tag">of one job</span>` : nothing}
        ${place.query.has('certificate') ? html`<span class="tag">with one certificate</span>` : nothing} ${clearFilters(place)}
      </div>
      ${selection === undefined ? nothing : selectionBar(page)}
      ${devices.length > 0 ? table('Devices', columns, devices, ({ deviceId }) => deviceId, selection) : nothingFound(place)}
      ${pager(place, data.continuation)}
    `;
  },
});

function prefixField(place: Place): TemplateResult {
  const submit = (event: Event) => {
    event.preventDefault();
    const { value } = (event.target as HTMLFormElement).elements.namedItem('idPrefix') as HTMLInputElement;
    go(to(place.path, { ...Object.fromEntries(place.query), idPrefix: value.trim(), continuation: undefined }));
  };
  return html`<form class="field" @submit=${submit}>
    <label
      ><span>Id begins with</span>
      <input name="idPrefix" autocomplete="off" autocapitalize="none" spellcheck="false" .value=${place.query.get('idPrefix') ?? ''} />
    </label>
  </form>`;
}

function nothingFound(place: Place): TemplateResult {
  return place.query.size > 0
    ? empty(
        'No device matches.',
        'Search by the beginning of the id, or by a whole serial number or thumbprint.',
        clearFilters(place),
      )
    : empty(
        'There are no devices yet.',
        html`They are here as soon as a job has provisioned them. <a href=${to('/upload')}>Upload a list</a>`,
      );
}

/** How many are selected, and what can be done to all of them. */
function selectionBar(page: Page<Data, Local>): TemplateResult {
  const { place, data, local, set } = page;
  const here = data.devices.map(({ deviceId }) => deviceId);
  const isPage = here.length > 0 && here.every((id) => local.chosen.has(id));
  const more = data.continuation !== undefined || place.query.has('continuation');
  const count = local.chosen.size;
  const text = local.all
    ? 'All devices that the filters match are selected, on every page'
    : count === 0
      ? 'Select devices to suspend, revoke, restore or scrap them together.'
      : `${plural(count, 'device')} selected`;
  const act = (kind: 'suspend' | 'restore' | 'revoke' | 'scrap') => () =>
    void actOnMany(kind, local.all ? { place } : { ids: [...local.chosen].sort() });
  const isAny = local.all || count > 0;
  return html`<div class="selection ${isAny ? 'on' : ''}">
    <p role="status">${text}
      ${isPage && more && !local.all ? html`<button class="link" type="button" @click=${() => set({ all: true })}>Select all that the filters match</button>` : nothing}
      ${isAny ? html`<button class="link" type="button" @click=${() => set({ chosen: new Set(), all: false })}>Clear</button>` : nothing}
    </p>
    ${
      isAny
        ? html`<div class="actions">
            <button type="button" @click=${act('suspend')}>Suspend …</button>
            <button type="button" @click=${act('restore')}>Restore …</button>
            <button class="danger" type="button" @click=${act('revoke')}>Revoke …</button>
            <button class="danger" type="button" @click=${act('scrap')}>Scrap …</button>
          </div>`
        : nothing
    }
  </div>`;
}

const columns = [
  {
    name: 'Device',
    kind: 'wide' as const,
    cell: ({ deviceId }: Device) => html`<a class="id" href=${to(`/devices/${deviceId}`)}>${deviceId}</a>`,
  },
  {
    name: 'Status',
    cell: ({ status, failure }: Device) =>
      html`${deviceStatus(status)}${failure === undefined ? nothing : html` <code>${failure.code}</code>`}`,
  },
  { name: 'Since', cell: ({ statusSince }: Device) => time(statusSince) },
  {
    name: 'Group',
    cell: ({ enrollmentGroup }: Device) => html`<a href=${to(`/groups/${enrollmentGroup}`)}>${enrollmentGroup}</a>`,
  },
  {
    name: 'Hub',
    cell: ({ registration }: Device) =>
      registration.assignedHub?.split('.')[0] ?? html`<span class="muted">none yet</span>`,
  },
  {
    name: 'Certificate ends',
    cell: ({ certificate }: Device) => (certificate.notAfter === undefined ? '' : time(certificate.notAfter)),
  },
  {
    name: 'Job',
    cell: ({ job }: Device) =>
      html`<a href=${to(`/jobs/${job.jobId}`)}><span class="visually-hidden">Job of this device, </span>line ${number(job.line)}</a>`,
  },
];
