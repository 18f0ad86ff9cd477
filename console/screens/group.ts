import { html, nothing, type TemplateResult } from 'lit-html';
import { call, get } from '../api.ts';
import { asText, daysUntil, number, plural } from '../format.ts';
import { action, facts, heading, problemPanel, section, time, timeAgo } from '../parts/basic.ts';
import { partsBar } from '../parts/charts.ts';
import { labelOf } from '../parts/definition-form.ts';
import { ask } from '../parts/dialog.ts';
import { badge, deviceTones, groupStatus } from '../parts/status.ts';
import { table } from '../parts/table.ts';
import { go, to } from '../router.ts';
import { defineScreen } from '../screen.ts';
import { can } from '../session.ts';
import { update } from '../store.ts';
import type { Act, DeviceStatus, EnrollmentGroup, GroupAct, Summary } from '../types.ts';
import { rolloverActions } from './group-rollover.ts';

interface Data {
  readonly group: EnrollmentGroup;
  readonly counts: Summary['devices']['byGroup'][number] | undefined;
}

export const groupScreen = defineScreen<Data, object>({
  title: ({ id = '' }) => id,
  local: () => ({}),
  async load({ params, signal }) {
    const id = params['id'] ?? '';
    const summary = get<Summary>('summary', signal);
    const group = await get<EnrollmentGroup>(`enrollment-groups/${encodeURIComponent(id)}`, signal);
    return { group, counts: (await summary).devices.byGroup.find(({ enrollmentGroup }) => enrollmentGroup === id) };
  },
  again: ({ group }) => (['pending', 'deleting'].includes(group.enrollment.status) ? 5 : undefined),
  view({ data: { group, counts }, reload }) {
    const { enrollment, definition } = group;
    return html`
      ${heading(html`<span class="id">${group.id}</span>`, { above: groupStatus(group), actions: actions(group, reload) })}
      ${definition.description === undefined ? nothing : html`<p class="lead">${definition.description}</p>`}
      ${enrollment.reason === undefined ? nothing : problemPanel({ status: 0, title: enrollment.reason.code, detail: enrollment.reason.message, hint: enrollment.reason.hint })}
      ${group.suspension === undefined ? nothing : suspension(group.suspension)}
      ${section('Devices', devices(group.id, counts))}
      ${section('Issuing CAs', authorities(group, reload))}
      ${section('Definition', facts(definitionPairs(definition)), { note: 'As declared last' })}
      ${section(
        'Changes',
        facts([
          ['Declared', acted(group.declaredBy)],
          ['Rolled over', acted(group.rolledOverBy)],
          ['Adopted', acted(group.adoptedBy)],
          ['Being deleted', acted(group.deletedBy)],
          ['Created', timeAgo(group.createdAt)],
          ['Updated', timeAgo(group.updatedAt)],
        ]),
      )}
    `;
  },
});

function acted(act: Act | undefined): TemplateResult | undefined {
  return act === undefined ? undefined : html`${act.by}, ${timeAgo(act.at)}`;
}

function suspension({ by, at, reason, fleetAct }: NonNullable<EnrollmentGroup['suspension']>): TemplateResult {
  return html`<div class="panel warn-panel">
    <p>Suspended by ${by}, ${timeAgo(at)}: “${reason}”. <a href=${to(`/acts/${fleetAct}`)}>See what became of its devices</a></p>
  </div>`;
}

function devices(id: string, counts: Data['counts']): TemplateResult {
  if (counts === undefined)
    return html`<p class="muted">No devices yet. <a href=${to('/upload')}>Upload a list</a></p>`;
  const statuses = Object.entries(counts.byStatus) as [DeviceStatus, number][];
  return partsBar(
    'Devices by status',
    statuses.map(([name, count]) => ({
      name,
      count,
      tone: deviceTones[name],
      href: to('/devices', { group: id, status: name }),
    })),
  );
}

type Ca = EnrollmentGroup['issuingCas'][number];

function authorities(group: EnrollmentGroup, reload: () => Promise<void>): TemplateResult {
  const { issuingCas, formerCas = [] } = group;
  const [present] = issuingCas;
  const columns = [
    { name: 'Generation', kind: 'number' as const, cell: ({ generation }: Ca) => number(generation) },
    {
      name: 'State',
      cell: (ca: Ca) => (ca === present ? badge('good', 'current') : badge('warn', 'before, still accepted')),
    },
    {
      name: 'Ends',
      cell: ({ notAfter }: Ca) => html`${time(notAfter)} <span class="muted">${daysLeft(notAfter)}</span>`,
    },
    { name: 'In DPS as', cell: ({ registration }: Ca) => registration?.name ?? 'part of the group' },
    {
      name: 'Certificate',
      kind: 'wide' as const,
      cell: ({ certificatePem, generation }: Ca) =>
        html`<details><summary>Generation ${generation}, PEM</summary><pre tabindex="0" aria-label="Certificate">${certificatePem}</pre></details>`,
    },
  ];
  return html`${issuingCas.length === 0 ? html`<p class="muted">It is made with the first device.</p>` : table('Issuing CAs', columns, issuingCas, ({ generation }) => String(generation))}
    ${rolloverActions(group, reload)}
    ${formerCas.length === 0 ? nothing : html`<p class="muted">${plural(formerCas.length, 'CA')} of a deleted group of this id, revoked.</p>`}`;
}

function daysLeft(notAfter: string): string {
  const days = daysUntil(notAfter, new Date());
  return days < 0 ? 'ended' : `${plural(days, 'day')} left`;
}

function definitionPairs(definition: EnrollmentGroup['definition']): [string, TemplateResult | string][] {
  return Object.entries(definition)
    .filter(([name, value]) => name !== 'description' && !isEmpty(value))
    .map(([name, value]) => [
      labelOf(name),
      typeof value === 'object' ? html`<code>${asText(value)}</code>` : String(value),
    ]);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value)
    ? value.length === 0
    : typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function actions(group: EnrollmentGroup, reload: () => Promise<void>): TemplateResult {
  const { id, suspension: isSuspended } = group;
  const path = `enrollment-groups/${encodeURIComponent(id)}`;
  const act = (verb: 'suspend' | 'restore') => async (reason: string) => {
    const { body } = await call<GroupAct>(`${path}/${verb}`, { method: 'POST', json: { reason } });
    update({
      notice: {
        text: `The group is ${verb === 'suspend' ? 'suspended' : 'restored'}.`,
        href: to(`/acts/${body.act.actId}`),
        link: 'See its devices',
      },
    });
    await reload();
  };
  const suspend = () =>
    ask({
      title: `Suspend ${id} and all its devices?`,
      text: 'DPS refuses its devices at once, and each device loses access until the group is restored.',
      confirm: 'Suspend the group',
      danger: true,
      reason: true,
      typed: id,
      act: act('suspend'),
    });
  const restore = () =>
    ask({
      title: `Restore ${id} and its devices?`,
      text: 'Devices that were suspended by themselves stay suspended.',
      confirm: 'Restore the group',
      reason: true,
      act: act('restore'),
    });
  const remove = () =>
    ask({
      title: `Delete ${id}?`,
      text: 'Only a group without devices can be deleted. It is deleted in DPS, too, which takes some 11 seconds.',
      ...{ confirm: 'Delete the group', danger: true, typed: id },
      async act() {
        await call(path, { method: 'DELETE' });
        update({ notice: { text: `The group ${id} is deleted.` } });
        go(to('/groups'));
      },
    });
  return html`
    ${can('put-enrollment-group', id) ? action(to(`/groups/${id}/edit`), 'Edit') : nothing}
    ${can('suspend-enrollment-group', id) ? (isSuspended ? html`<button class="primary" type="button" @click=${restore}>Restore …</button>` : html`<button class="danger" type="button" @click=${suspend}>Suspend …</button>`) : nothing}
    ${can('delete-enrollment-group', id) ? html`<button class="danger" type="button" @click=${remove}>Delete …</button>` : nothing}
  `;
}
