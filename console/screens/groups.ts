import { html, nothing } from 'lit-html';
import { get } from '../api.ts';
import { daysUntil, number, plural } from '../format.ts';
import { action, empty, heading, time } from '../parts/basic.ts';
import { groupStatus } from '../parts/status.ts';
import { table } from '../parts/table.ts';
import { to } from '../router.ts';
import { defineScreen } from '../screen.ts';
import { can } from '../session.ts';
import type { EnrollmentGroup, EnrollmentGroups, Summary } from '../types.ts';

interface Row extends EnrollmentGroup {
  readonly devices: number;
}

export const groupsScreen = defineScreen<readonly Row[], object>({
  title: () => 'Groups',
  local: () => ({}),
  async load({ signal }) {
    const summary = get<Summary>('summary', signal);
    const { enrollmentGroups } = await get<EnrollmentGroups>('enrollment-groups', signal);
    const counts = new Map(
      (await summary).devices.byGroup.map(({ enrollmentGroup, total }) => [enrollmentGroup, total]),
    );
    return enrollmentGroups.map((group) => ({ ...group, devices: counts.get(group.id) ?? 0 }));
  },
  view({ data }) {
    const declare = can('put-enrollment-group') ? action(to('/groups/new'), 'Declare a group', 'primary') : nothing;
    return html`
      ${heading('Enrollment groups', { above: 'How devices keep their keys, who issues their certificates, what they install', actions: declare })}
      ${
        data.length === 0
          ? empty(
              'No group is declared.',
              'A group is needed before the first list: it decides about keys, CA and software of its devices.',
              declare,
            )
          : table('Enrollment groups', columns, data, ({ id }) => id)
      }
    `;
  },
});

const columns = [
  {
    name: 'Group',
    kind: 'wide' as const,
    cell: ({ id, definition }: Row) =>
      html`<a class="id" href=${to(`/groups/${id}`)}>${id}</a>${definition.description === undefined ? nothing : html`<br /><span class="muted">${definition.description}</span>`}`,
  },
  { name: 'In DPS', cell: groupStatus },
  {
    name: 'Devices',
    kind: 'number' as const,
    cell: ({ id, devices }: Row) => html`<a href=${to('/devices', { group: id })}>${number(devices)}</a>`,
  },
  { name: 'Keys', cell: ({ definition }: Row) => definition.keyCustody },
  { name: 'Enrollment', cell: ({ definition }: Row) => definition.enrollment },
  { name: 'Target', cell: ({ definition }: Row) => definition.target },
  {
    name: 'CA ends',
    cell({ issuingCas: [ca] }: Row) {
      if (ca === undefined) return html`<span class="muted">no CA yet</span>`;
      const days = daysUntil(ca.notAfter, new Date());
      return html`${time(ca.notAfter)} <span class=${days < 90 ? 'fault' : 'muted'}>${days < 0 ? 'ended' : plural(days, 'day')}</span>`;
    },
  },
];
