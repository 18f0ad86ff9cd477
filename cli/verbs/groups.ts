import { answered, type Schemas } from '../api.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { readGroup } from '../group-plan.ts';
import type { Column, Line } from '../output.ts';
import { plural } from '../text.ts';

type Group = Schemas['EnrollmentGroup'];

const columns = (now: Date): readonly Column<Group>[] => [
  { name: 'group', value: ({ id }) => id },
  {
    name: 'status',
    value: ({ enrollment, suspension }) => (suspension === undefined ? enrollment.status : 'suspended'),
    kind: 'status',
  },
  { name: 'enrollment', value: ({ definition }) => definition.enrollment },
  { name: 'custody', value: ({ definition }) => definition.keyCustody },
  { name: 'CA', value: ({ issuingCas }) => issuingCas[0]?.generation },
  {
    name: 'CA days left',
    value: ({ issuingCas: [current] }) => (current === undefined ? undefined : daysLeft(current.notAfter, now)),
  },
  { name: 'updated', value: ({ updatedAt }) => updatedAt, kind: 'time' },
];

export async function listGroups({ api, output, terminal, say }: Context): Promise<undefined> {
  const { client } = await api();
  const answer = await answered(client.GET('/enrollment-groups'));
  // The whole answer is what fleet bundle verify --groups takes.
  if (output.format === 'json') await output.one(answer, () => []);
  else await output.rows(columns(terminal.now()), answer.enrollmentGroups);
  if (answer.enrollmentGroups.length === 0) say('There are none.\nnext: fleet group apply samples/line7.json');
  return undefined;
}

export async function showGroup({ api, output, terminal }: Context, id: string): Promise<undefined> {
  const { group } = await readGroup(await api(), id);
  await output.one(group, (one) => groupLines(one, terminal.now()));
  return undefined;
}

export function groupLines(group: Group, now: Date): Line[] {
  const { enrollment, suspension, definition, issuingCas, issuance } = group;
  return [
    ['group', group.id],
    ['status', enrollment.status, 'status'],
    [
      'reason',
      enrollment.reason === undefined ? undefined : `${enrollment.reason.message} (${enrollment.reason.code})`,
    ],
    ['hint', enrollment.reason?.hint],
    ['suspended', suspension === undefined ? undefined : `by ${suspension.by}: ${suspension.reason}`],
    ['allocation key', allocationText(group)],
    ['issuing', issuance.reason === undefined ? issuance.by : `${issuance.by}. ${issuance.reason}`],
    ['declared by', group.declaredBy?.by],
    ['updated', group.updatedAt, 'time'],
    ...issuingCas.map(({ generation, notAfter, registration }, index): Line => {
      const state = index === 0 ? 'current' : 'still accepted';
      const name = registration === undefined ? '' : `, in DPS as ${registration.name}`;
      return [`CA ${generation}`, `${state}, ${plural(daysLeft(notAfter, now), 'day')} left${name}`];
    }),
    ...Object.entries(definition).map(
      ([name, value]): Line => [name, typeof value === 'string' ? value : JSON.stringify(value)],
    ),
  ];
}

function allocationText({ allocation }: Group): string | undefined {
  if (allocation === undefined) return undefined;
  const { keyGeneration, keyWrittenAt } = allocation;
  return keyWrittenAt === undefined
    ? `${keyGeneration}, not in DPS yet`
    : `${keyGeneration}, in DPS since ${keyWrittenAt}`;
}

export async function rotateAllocationKey({ api, output, terminal }: Context, id: string): Promise<number> {
  const { client } = await api();
  const path = '/enrollment-groups/{id}/allocation-key';
  const rotated = await answered(client.POST(path, { params: { path: { id } } }));
  await output.one(rotated, (one) => groupLines(one, terminal.now()));
  // Not in DPS yet: the key before is good, and the app goes on trying.
  return rotated.allocation?.keyWrittenAt === undefined ? exitCodes.failed : exitCodes.ok;
}

function daysLeft(notAfter: string, now: Date): number {
  return Math.floor((Date.parse(notAfter) - now.getTime()) / 86_400_000);
}
