import { html, type TemplateResult } from 'lit-html';
import { number } from '../format.ts';
import type { CheckSummary, Estimate, Job } from '../types.ts';
import { type Part, partsBar } from './charts.ts';

/** The rows of a job by outcome, in the order of their life. */
export function countParts({ counts }: Pick<Job, 'counts'>): Part[] {
  return [
    { name: 'provisioned', count: counts.provisioned, tone: 'good' },
    { name: 'checked', count: counts.checked ?? 0, tone: 'good' },
    { name: 'unchanged', count: counts.unchanged, tone: 'accent' },
    { name: 'rejected', count: counts.rejected, tone: 'warn' },
    { name: 'failed', count: counts.failed, tone: 'bad' },
    { name: 'cancelled', count: counts.cancelled, tone: 'off' },
    { name: 'waiting', count: counts.waiting, tone: 'busy' },
  ];
}

export function countsBar(job: Job): TemplateResult {
  return partsBar('Rows by outcome', countParts(job));
}

/** The outcome that a list would have, as a bar and its numbers. */
export function outcomesBar({ outcomes }: Pick<CheckSummary, 'outcomes'>): TemplateResult {
  return partsBar('Rows by outcome', [
    { name: 'new', count: outcomes.new, tone: 'good' },
    { name: 'replaced', count: outcomes.replaced, tone: 'accent' },
    { name: 'issued again', count: outcomes.reissued, tone: 'accent' },
    { name: 'unchanged', count: outcomes.unchanged, tone: 'off' },
    { name: 'refused', count: outcomes.refused, tone: 'bad' },
  ]);
}

/** How long a list would take and cost, with the figures that it follows from. */
export function estimateFacts({ phases, renewals = [], price, assumptions, figuresOf }: Estimate): TemplateResult {
  const names = { issue: 'Until the bundles are ready', register: 'Until all devices have registered' } as const;
  return html`<dl class="facts">
      ${phases.map(
        ({ phase, minutes, binding }) =>
          html`<div>
            <dt>${names[phase]}</dt>
            <dd>${minuteText(minutes)}${binding === undefined ? '' : html` <span class="muted">limited by ${services[binding]}</span>`}</dd>
          </div>`,
      )}
      ${renewals.map(
        ({ enrollmentGroup, jitterDays, perDay, perMinute, aboveHalfOfQuota }) =>
          html`<div>
            <dt>Renewals of ${enrollmentGroup}</dt>
            <dd>
              ${number(perDay)} a day, ${number(perMinute)} a minute
              <span class="muted">spread over ${number(jitterDays)} days${aboveHalfOfQuota ? '; more than half of what DPS takes' : ''}</span>
            </dd>
          </div>`,
      )}
      <div><dt>Price, once</dt><dd>${dollars(price.once)}</dd></div>
      <div><dt>Price per month</dt><dd>${dollars(price.perMonth)}</dd></div>
    </dl>
    <details>
      <summary>How this is calculated</summary>
      <ul>
        ${assumptions.map((text) => html`<li>${text}</li>`)}
        ${price.items.map((item) => html`<li>${number(item.count)} × ${item.of}: ${dollars(item.dollars)}</li>`)}
      </ul>
      <p class="muted">List prices and published limits of ${figuresOf}.</p>
    </details>`;
}

const services = { dps: 'DPS', hub: 'the IoT hub', keyVault: 'Key Vault', cosmos: 'Cosmos DB' } as const;

function minuteText(minutes: number): string {
  if (minutes < 1) return 'less than a minute';
  return minutes < 90 ? `${number(Math.ceil(minutes))} min` : `${number(Math.ceil(minutes / 60))} h`;
}

function dollars(amount: number): string {
  return amount > 0 && amount < 0.01 ? 'less than $0.01' : `$${amount.toFixed(2)}`;
}
