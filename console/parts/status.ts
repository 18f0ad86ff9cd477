import { html, type TemplateResult } from 'lit-html';
import { words } from '../format.ts';
import type { DeviceStatus, Door, EnrollmentGroup, Finding, FleetAct, JobStatus } from '../types.ts';
import { type IconName, icon } from './icons.ts';

/** How a status looks: never by colour alone. */
export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'off';

const icons: Readonly<Record<Tone, IconName>> = { good: 'good', bad: 'bad', warn: 'warn', busy: 'busy', off: 'off' };

export function badge(tone: Tone, word: string): TemplateResult {
  return html`<span class="badge ${tone}">${icon(icons[tone])}${word}</span>`;
}

export const deviceTones: Readonly<Record<DeviceStatus, Tone>> = {
  claimed: 'busy',
  provisioned: 'busy',
  assigned: 'good',
  failed: 'bad',
  deleting: 'busy',
  deleted: 'off',
  closing: 'warn',
  suspended: 'warn',
  revoked: 'off',
  scrapped: 'off',
  opening: 'busy',
};

export const deviceStatus = (status: DeviceStatus) => badge(deviceTones[status], status);

const jobTones: Readonly<Record<JobStatus, Tone>> = {
  received: 'busy',
  splitting: 'busy',
  provisioning: 'busy',
  checking: 'busy',
  completed: 'good',
  checked: 'good',
  completedWithErrors: 'warn',
  failed: 'bad',
  cancelled: 'off',
};

export const jobStatus = (status: JobStatus) => badge(jobTones[status], words(status));

const actTones = { running: 'busy', completed: 'good', cancelled: 'off' } as const;

export const actStatus = (status: FleetAct['status']) => badge(actTones[status], status);

const severityTones = { critical: 'bad', high: 'bad', medium: 'warn', low: 'off' } as const;

export const severity = (found: Finding['severity']) => badge(severityTones[found], found);

const doorTones = { closed: 'good', 'not yet': 'busy', open: 'warn' } as const;

export const doorState = (state: Door['state']) => badge(doorTones[state], state);

const enrollmentTones = { enrolled: 'good', pending: 'busy', refused: 'bad', deleting: 'busy' } as const;

export function groupStatus({ enrollment, suspension }: EnrollmentGroup): TemplateResult {
  return suspension !== undefined
    ? badge('warn', 'suspended')
    : badge(enrollmentTones[enrollment.status], enrollment.status);
}
