import { html, nothing, type TemplateResult } from 'lit-html';
import type { Device } from '../types.ts';
import { timeAgo } from './basic.ts';

export interface Step {
  readonly name: string;
  /** When it was reached; absent while it is to come. */
  readonly at?: string | undefined;
  readonly note?: string | undefined;
}

/** The life of a device from its row to its hub, and what ended it. */
export function stepsOf(device: Device): Step[] {
  const { history, certificate, registration, bundle, block, deletion, statusSince, status } = device;
  const first = (event: RegExp) => history.find((each) => event.test(each.event))?.at;
  const last = (event: RegExp) => history.findLast((each) => event.test(each.event))?.at;
  const end: Step[] = [
    ...(block === undefined ? [] : [{ name: block.kind, at: block.at, note: block.reason }]),
    ...(deletion === undefined ? [] : [{ name: status, at: deletion.at, note: `by ${deletion.by}` }]),
  ];
  return [
    { name: 'Row received', at: first(/claimed|received/) ?? history[0]?.at },
    {
      name: 'Certificate issued',
      at: certificate.notBefore === undefined ? undefined : (first(/provisioned|issued/) ?? certificate.notBefore),
    },
    { name: 'Bundle downloaded', at: bundle === undefined ? undefined : last(/bundle|download/) },
    { name: 'Registered with DPS', at: registration.at },
    {
      name: 'Joined its hub',
      at: registration.status === 'assigned' ? (last(/assigned/) ?? registration.seenAt ?? statusSince) : undefined,
      note: registration.assignedHub,
    },
    ...end,
  ];
}

export function timeline(device: Device): TemplateResult {
  return html`<ol class="timeline">
    ${stepsOf(device).map(
      ({ name, at, note }) =>
        html`<li class=${at === undefined ? 'ahead' : 'done'}>
          <strong>${name}</strong>
          <span>${at === undefined ? html`<span class="muted">not yet</span>` : timeAgo(at)}</span>
          ${note === undefined ? nothing : html`<span class="muted">${note}</span>`}
        </li>`,
    )}
  </ol>`;
}
