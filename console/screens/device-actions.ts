import { html, nothing, type TemplateResult } from 'lit-html';
import { call } from '../api.ts';
import { ask, type Question } from '../parts/dialog.ts';
import { can } from '../session.ts';
import type { Device, DeviceStatus } from '../types.ts';

interface Action {
  readonly operation: string;
  readonly label: string;
  readonly from: readonly DeviceStatus[];
  readonly question: (id: string) => Omit<Question, 'act'>;
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
}

const alive = ['provisioned', 'assigned'] as const;

/** The acts on one device, and the states in which they are offered. */
const actions: readonly Action[] = [
  {
    ...{
      operation: 'restore-device',
      label: 'Restore',
      from: ['suspended', 'closing'],
      method: 'POST',
      path: '/restore',
    },
    question: (id) => ({
      title: `Restore ${id}?`,
      text: 'Its identity at the hub and its enrollment are enabled again.',
      confirm: 'Restore',
      reason: true,
    }),
  },
  {
    ...{ operation: 'suspend-device', label: 'Suspend', from: alive, method: 'POST', path: '/suspend' },
    question: (id) => ({
      title: `Suspend ${id}?`,
      text: 'It loses access within seconds, until it is restored.',
      confirm: 'Suspend',
      reason: true,
      danger: true,
    }),
  },
  {
    ...{
      operation: 'revoke-device',
      label: 'Revoke',
      from: [...alive, 'suspended', 'closing'],
      method: 'POST',
      path: '/revoke',
    },
    question: (id) => ({
      ...{ title: `Revoke ${id}?`, confirm: 'Revoke for good', reason: true, danger: true, typed: id },
      text: 'It loses access for good. This cannot be undone: the device needs a new id.',
    }),
  },
  {
    ...{
      operation: 'delete-device',
      label: 'Delete or scrap',
      from: [...alive, 'failed', 'suspended', 'revoked'],
      method: 'DELETE',
      path: '',
    },
    question: (id) => ({
      ...{ title: `Delete or scrap ${id}?`, confirm: 'Delete or scrap', reason: true, danger: true, typed: id },
      text: 'If it never reached a hub, it is deleted and its id is free. Otherwise it is scrapped: revoked, and removed from its hub and archive.',
    }),
  },
];

export function deviceActions(
  { deviceId, status, enrollmentGroup, block }: Device,
  reload: () => Promise<void>,
): TemplateResult {
  const isOffered = ({ operation, from }: Action) => {
    const isClosingForGood = status === 'closing' && block?.kind !== 'suspended';
    return (
      from.includes(status) && can(operation, enrollmentGroup) && !(isClosingForGood && operation === 'restore-device')
    );
  };
  const start =
    ({ question, method, path }: Action) =>
    () =>
      ask({
        ...question(deviceId),
        async act(reason) {
          const address = `devices/${encodeURIComponent(deviceId)}${path}`;
          if (method === 'DELETE') await call(`${address}?reason=${encodeURIComponent(reason)}`, { method });
          else await call(address, { method, json: { reason } });
          await reload();
        },
      });
  const offered = actions.filter(isOffered);
  return html`${offered.length === 0 ? nothing : offered.map((each) => html`<button class=${each.question('').danger ? 'danger' : 'primary'} type="button" @click=${start(each)}>${each.label} …</button>`)}`;
}
