import { html, nothing, type TemplateResult } from 'lit-html';
import { type Answer, call, getFile } from '../api.ts';
import { bytes, daysUntil, number, plural } from '../format.ts';
import { copyable, facts, heading, problemPanel, section, time, timeAgo } from '../parts/basic.ts';
import { icon } from '../parts/icons.ts';
import { save } from '../parts/save.ts';
import { badge, deviceStatus, doorState } from '../parts/status.ts';
import { table } from '../parts/table.ts';
import { timeline } from '../parts/timeline.ts';
import { to } from '../router.ts';
import { defineScreen } from '../screen.ts';
import { can } from '../session.ts';
import type { Device, Door } from '../types.ts';
import { deviceActions } from './device-actions.ts';
import { sentence } from './device-sentence.ts';

export const deviceScreen = defineScreen<Answer<Device>, object>({
  title: ({ id = '' }) => id,
  local: () => ({}),
  load: ({ params, signal }) => call<Device>(`devices/${encodeURIComponent(params['id'] ?? '')}`, { signal }),
  again: ({ body }) => (['claimed', 'closing', 'opening', 'deleting'].includes(body.status) ? 3 : 20),
  view({ data: { body: device }, reload }) {
    const { failure, failedReissue } = device;
    return html`
      ${heading(html`<span class="id">${device.deviceId}</span>`, { above: deviceStatus(device.status), actions: deviceActions(device, reload) })}
      <p class="lead">${sentence(device, new Date())}</p>
      ${failure === undefined ? nothing : problemPanel({ status: 0, title: failure.code, detail: failure.message })}
      ${
        failedReissue === undefined
          ? nothing
          : problemPanel({
              status: 0,
              title: failedReissue.code,
              detail: `The latest attempt to issue it again failed: ${failedReissue.message}`,
              hint: 'The device keeps what it had.',
            })
      }
      ${device.block === undefined ? nothing : doors(device)}
      <div class="two">
        ${section('Life', timeline(device))} ${section('Identity', identity(device))}
      </div>
      ${section('Certificates', certificates(device), { note: 'DPS accepts a superseded certificate until it ends or its CA leaves the group.' })}
      <div class="two">${section('Initial twin', twin(device))} ${section('Registration with DPS', registration(device))}</div>
      ${section('History', history(device), { note: 'The latest 20 events' })}
    `;
  },
});

const doorNames = {
  record: 'New certificates (reissue)',
  enrollment: 'Registration with DPS',
  hub: 'Connection to the hub',
  bundle: 'Download of the bundle',
  renewal: 'Renewal by the device',
} as const;

/** The ways in, and whether each is closed. A revoked device has them all closed, and read back. */
function doors({ block, status }: Device): TemplateResult {
  if (block === undefined) return html``;
  const rows = Object.entries(doorNames).map(([name, text]) => ({
    name,
    text,
    door: block.doors[name as keyof typeof doorNames],
  }));
  type Row = { readonly text: string; readonly name: string; readonly door: Door };
  const columns = [
    { name: 'Door', kind: 'wide' as const, cell: ({ text }: Row) => text },
    { name: 'State', cell: ({ door }: Row) => doorState(door.state) },
    { name: 'Read back', cell: ({ door }: Row) => (door.at === undefined ? '' : time(door.at)) },
    { name: 'Why not yet', kind: 'wide' as const, cell: ({ door }: Row) => door.why ?? '' },
  ];
  const { by, at, reason, restore, checkedAgainAt } = block;
  const note =
    restore === undefined
      ? html`${block.kind} by ${by}, ${time(at)}: “${reason}”`
      : html`restored by ${restore.by}, ${time(restore.at)}: “${restore.reason}”`;
  return section(
    status === 'opening' ? 'Doors that open' : 'Doors',
    html`${table('Doors', columns, rows, ({ name }) => name)}
    ${checkedAgainAt === undefined ? nothing : html`<p class="muted">The doors are read a second time at ${time(checkedAgainAt)}.</p>`}`,
    { note },
  );
}

function identity(device: Device): TemplateResult {
  const { certificate, job, bundle, writtenId, enrollmentGroup } = device;
  const left = certificate.notAfter === undefined ? undefined : daysUntil(certificate.notAfter, new Date());
  const download = () => void save(() => getFile(`devices/${encodeURIComponent(device.deviceId)}/bundle`, '*/*'));
  const canDownload = bundle?.link !== undefined && can('get-device-bundle', enrollmentGroup);
  return html`${facts([
    ['Device id', copyable(device.deviceId)],
    ['Written as', writtenId],
    ['Enrollment group', html`<a href=${to(`/groups/${enrollmentGroup}`)}>${enrollmentGroup}</a>`],
    ['Row', html`<a href=${to(`/jobs/${job.jobId}`)}>line ${number(job.line)} of its job</a>`],
    ['Serial number', copyable(certificate.serialNumber, { inGroups: true })],
    [
      'SHA-256 thumbprint',
      certificate.sha256Thumbprint === undefined
        ? undefined
        : copyable(certificate.sha256Thumbprint, { inGroups: true }),
    ],
    [
      'Certificate ends',
      certificate.notAfter === undefined
        ? undefined
        : html`${time(certificate.notAfter)} <span class="muted">${left !== undefined && left >= 0 ? `${plural(left, 'day')} left` : 'ended'}</span>`,
    ],
    [
      'Bundle',
      bundle === undefined
        ? undefined
        : html`${bundle.fileName} <span class="muted">${bytes(bundle.bytes)}${bundle.keptUntil === undefined ? nothing : html`, kept until ${time(bundle.keptUntil)}`}</span>`,
    ],
  ])}
  ${canDownload ? html`<p class="actions"><button type="button" @click=${download}>${icon('download')} Download the bundle</button> <span class="muted">The download is recorded.</span></p>` : nothing}`;
}

type Certificate = Device['certificates'][number];
const states = { live: 'good', superseded: 'warn', revoked: 'off' } as const;

function certificates({ certificates: all }: Device): TemplateResult {
  if (all.length === 0) return html`<p class="muted">None was issued yet.</p>`;
  const columns = [
    { name: 'Serial number', kind: 'wide' as const, cell: ({ serialNumber }: Certificate) => copyable(serialNumber) },
    { name: 'Kind', cell: ({ kind }: Certificate) => kind },
    {
      name: 'State',
      cell: ({ state, since }: Certificate) =>
        html`${badge(states[state], state)} <span class="muted">since ${time(since)}</span>`,
    },
    { name: 'Issued', cell: ({ notBefore }: Certificate) => time(notBefore) },
    { name: 'Ends', cell: ({ notAfter }: Certificate) => time(notAfter) },
    {
      name: 'CA',
      cell: ({ enrollmentGroup, caGeneration }: Certificate) =>
        `${enrollmentGroup}${caGeneration === undefined ? '' : `/${caGeneration}`}`,
    },
    { name: 'Key made by', cell: ({ keyMadeBy }: Certificate) => keyMadeBy ?? '' },
  ];
  return table('Certificates', columns, all, ({ serialNumber, kind }) => `${kind} ${serialNumber}`);
}

function twin({ twin: { tags, desired }, registration: found }: Device): TemplateResult {
  const delivered = found.twinDeliveredAt;
  return html`<p class="muted">${delivered === undefined ? 'Delivered to the hub once the device has registered.' : html`Delivered to the hub ${timeAgo(delivered)}.`}</p>
    <h3>Tags</h3>
    <pre tabindex="0" aria-label="Tags">${JSON.stringify(tags, undefined, 2)}</pre>
    <h3>Desired properties</h3>
    <pre tabindex="0" aria-label="Desired properties">${JSON.stringify(desired, undefined, 2)}</pre>`;
}

function registration({ registration: found, enrolled }: Device): TemplateResult {
  return facts([
    ['Status', found.status],
    ['Hub', found.assignedHub === undefined ? undefined : copyable(found.assignedHub)],
    ['How', found.substatus],
    ['Registered', found.at === undefined ? undefined : timeAgo(found.at)],
    ['Seen', found.seenAt === undefined ? undefined : timeAgo(found.seenAt)],
    ['Error', found.errorMessage === undefined ? undefined : `${found.errorCode ?? ''} ${found.errorMessage}`],
    [
      'Individual enrollment',
      enrolled === undefined
        ? undefined
        : html`${enrolled.missingSince === undefined ? (enrolled.provisioningStatus ?? 'enabled') : 'missing in DPS'}, seen ${time(enrolled.seenAt)}`,
    ],
  ]);
}

type Event = Device['history'][number];

function history({ history: events }: Device): TemplateResult {
  const columns = [
    { name: 'Time', cell: ({ at }: Event) => time(at) },
    { name: 'Event', cell: ({ event }: Event) => html`<strong>${event}</strong>` },
    { name: 'Detail', kind: 'wide' as const, cell: ({ detail }: Event) => detail ?? '' },
  ];
  const rows = events.map((event, index) => ({ ...event, index })).reverse();
  return table('History', columns, rows, ({ index }) => String(index));
}
