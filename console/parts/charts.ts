import { html, nothing, svg, type TemplateResult } from 'lit-html';
import { number } from '../format.ts';
import type { Tone } from './status.ts';

/** One part of a bar, with the address of what it counts. */
export interface Part {
  readonly name: string;
  readonly count: number;
  readonly tone: Tone | 'accent';
  readonly href?: string;
}

/** One horizontal bar of all parts, and a legend that says each number. Parts of zero are left out. */
export function partsBar(label: string, parts: readonly Part[]): TemplateResult {
  const found = parts.filter(({ count }) => count > 0);
  const total = found.reduce((sum, { count }) => sum + count, 0);
  let x = 0;
  const rects = found.map(({ count, tone }) => {
    const width = (count / total) * 100;
    const rect = svg`<rect class=${tone} x=${x} y="0" width=${Math.max(width - 0.4, 0.3)} height="10" />`;
    x += width;
    return rect;
  });
  return html`<div class="parts">
    <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${`${label}: ${spoken(found)}`}>
      ${total === 0 ? svg`<rect class="off" width="100" height="10" />` : rects}
    </svg>
    <ul class="legend">
      ${found.map(
        ({ name, count, tone, href }) =>
          html`<li>
            <span class="swatch ${tone}" aria-hidden="true"></span>
            ${href === undefined ? html`<span>${name}</span>` : html`<a href=${href}>${name}</a>`}
            <strong>${number(count)}</strong>
          </li>`,
      )}
    </ul>
  </div>`;
}

function spoken(parts: readonly Part[]): string {
  return parts.map(({ name, count }) => `${name} ${number(count)}`).join(', ') || 'none';
}

export interface Stack {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly href?: string;
}

/** Columns side by side, each made of parts. A table with the same numbers is there for screen readers. */
export function columns(label: string, stacks: readonly Stack[]): TemplateResult {
  const totals = stacks.map(({ parts }) => parts.reduce((sum, { count }) => sum + count, 0));
  const highest = Math.max(...totals, 1);
  const top = niceTop(highest);
  const names = [...new Set(stacks.flatMap(({ parts }) => parts.map(({ name }) => name)))];
  const slot = 100 / stacks.length;
  const bars = stacks.map(({ parts }, index) => {
    let y = 100;
    return parts
      .filter(({ count }) => count > 0)
      .map(({ count, tone }) => {
        const height = (count / top) * 100;
        y -= height;
        return svg`<rect class=${tone} x=${index * slot + slot * 0.18} y=${y} width=${slot * 0.64} height=${Math.max(height - 0.6, 0.8)} />`;
      });
  });
  return html`<div class="columns">
    <div class="plot" aria-hidden="true">
      <span class="top">${number(top)}</span>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none">
        <line x1="0" x2="100" y1="0.4" y2="0.4" /><line x1="0" x2="100" y1="50" y2="50" />
        <line class="base" x1="0" x2="100" y1="99.6" y2="99.6" />
        ${bars}
      </svg>
      <div class="names">
        ${stacks.map(({ name }, index) => html`<span>${index % 2 === stacks.length % 2 ? nothing : name}</span>`)}
      </div>
    </div>
    <div class="visually-hidden"><table>
      <caption>${label}</caption>
      <thead>
        <tr><th scope="col">Day</th>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr>
      </thead>
      <tbody>
        ${stacks.map(
          ({ name, parts }) =>
            html`<tr>
              <th scope="row">${name}</th>
              ${names.map((each) => html`<td>${number(parts.find((part) => part.name === each)?.count ?? 0)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table></div>
  </div>`;
}

/** A share of a line. The number stands beside it. */
export function meter(value: number, most: number, tone: Part['tone']): TemplateResult {
  const width = most === 0 ? 0 : (value / most) * 100;
  const shapes = svg`<rect class="rest" width="100" height="6" /><rect class=${tone} width=${width} height="6" />`;
  return html`<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">${shapes}</svg>`;
}

/** The next of 1, 2, 5, 10, 20, 50, … that is not smaller. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= value) ?? value;
}
