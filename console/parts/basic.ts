import { html, nothing, type TemplateResult } from 'lit-html';
import { ApiError } from '../api.ts';
import { ago, fullTime, grouped, shortTime } from '../format.ts';
import { current, update } from '../store.ts';
import type { Problem } from '../types.ts';
import { icon } from './icons.ts';

type Content = TemplateResult | string | number | typeof nothing;

/** A time in the zone that is chosen; both zones are in its tooltip. */
export function time(iso: string): TemplateResult {
  const { utc } = current();
  const title = `${fullTime(iso, false)} · ${fullTime(iso, true)}`;
  return html`<time datetime=${iso} title=${title}>${shortTime(iso, { utc, now: new Date() })}</time>`;
}

/** A time with how long ago that is. */
export function timeAgo(iso: string): TemplateResult {
  return html`${time(iso)} <span class="muted">(${ago(iso, new Date())})</span>`;
}

/** An id, serial number or digest, with a button that copies it. */
export function copyable(text: string, { inGroups = false } = {}): TemplateResult {
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    update({ notice: { text: 'Copied.' } });
  };
  return html`<span class="copyable"
    ><code>${inGroups ? grouped(text) : text}</code
    ><button class="quiet" type="button" @click=${copy} aria-label=${`Copy ${text}`} title="Copy">${icon('copy')}</button></span
  >`;
}

/** A text of the API, in which names stand between backticks. */
export function prose(text: string | undefined): TemplateResult {
  return html`${(text ?? '').split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`;
}

/** The line at the top of a screen: its one heading, what it is about, and what can be done. */
export function heading(
  title: Content,
  { above, actions }: { above?: Content; actions?: Content } = {},
): TemplateResult {
  return html`<header class="heading">
    <div>
      ${above === undefined ? nothing : html`<p class="above">${above}</p>`}
      <h1 tabindex="-1">${title}</h1>
    </div>
    ${actions === undefined ? nothing : html`<div class="actions">${actions}</div>`}
  </header>`;
}

/** A part of a screen with its own heading. */
export function section(
  title: string,
  content: unknown,
  { actions, note }: { actions?: Content; note?: Content } = {},
): TemplateResult {
  return html`<section class="panel" aria-label=${title}>
    <header>
      <h2>${title}</h2>
      ${note === undefined ? nothing : html`<p class="muted">${note}</p>`}
      ${actions === undefined ? nothing : html`<div class="actions">${actions}</div>`}
    </header>
    ${content}
  </section>`;
}

/** Pairs of a name and a value. Pairs without a value are left out. */
export function facts(pairs: readonly (readonly [string, Content | undefined])[]): TemplateResult {
  return html`<dl class="facts">
    ${pairs
      .filter(([, value]) => value !== undefined && value !== nothing)
      .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

/** Nothing is here yet: why, and what to do next. */
export function empty(title: string, next: Content, act: Content = nothing): TemplateResult {
  return html`<div class="empty">
    <p class="title">${title}</p>
    <p>${next}</p>
    ${act}
  </div>`;
}

export const loading = html`<p class="loading" role="status"><span class="spinner" aria-hidden="true"></span>Loading …</p>`;

/** An error: what was found, what to do, and the code and trace id that find it in the log. */
export function problemPanel(problem: Problem, again?: () => void): TemplateResult {
  const { title, detail, hint, traceId, faults = [] } = problem;
  return html`<div class="problem" role="alert">
    ${icon('bad')}
    <div>
      <p class="title">${detail}</p>
      ${hint === undefined ? nothing : html`<p>${hint}</p>`}
      ${
        faults.length > 1
          ? html`<ul>
              ${faults.map(({ path, message }) => html`<li><code>${path}</code> ${message}</li>`)}
            </ul>`
          : nothing
      }
      ${
        title === undefined && traceId === undefined
          ? nothing
          : html`<p class="codes">
              ${title === undefined ? nothing : html`<span>code <code>${title}</code></span>`}
              ${traceId === undefined ? nothing : html`<span>trace ${copyable(traceId)}</span>`}
            </p>`
      }
      ${again === undefined ? nothing : html`<button type="button" @click=${again}>Try again</button>`}
    </div>
  </div>`;
}

/** The problem of anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return {
    status: 0,
    detail: `The console failed: ${detail}`,
    hint: 'Reload the page. If it happens again, report it.',
  };
}

/** A link that looks like a button. */
export function action(href: string, label: Content, kind: 'primary' | 'plain' = 'plain'): TemplateResult {
  return html`<a class="button ${kind}" href=${href}>${label}</a>`;
}
