import { html, svg, type TemplateResult } from 'lit-html';

/** Drawn for a square of 16, with lines of 1.5. They say nothing by themselves: a word stands beside each. */
const shapes = {
  home: 'M2.5 7.2 8 2.5l5.5 4.7V13a.5.5 0 0 1-.5.5H9.8V9.5H6.2v4H3a.5.5 0 0 1-.5-.5z',
  upload: 'M8 10.5v-8M4.8 5.4 8 2.3l3.2 3.1M2.5 10.5V13a.5.5 0 0 0 .5.5h10a.5.5 0 0 0 .5-.5v-2.5',
  download: 'M8 2.5v8M4.8 7.6 8 10.7l3.2-3.1M2.5 11.5V13a.5.5 0 0 0 .5.5h10a.5.5 0 0 0 .5-.5v-1.5',
  jobs: 'M2.5 3.5h11M2.5 8h11M2.5 12.5h7',
  devices: 'M3.5 2.5h9a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1zM5.5 13.5h5M8 10.5v3',
  groups: 'm8 2.3 5.7 3L8 8.3 2.3 5.3zM2.3 8 8 11l5.7-3M2.3 10.7l5.7 3 5.7-3',
  findings: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.2 10.2l3.3 3.3',
  letters: 'M2.5 3.5h11v9h-11zM2.8 4l5.2 4.5L13.2 4',
  audit: 'M4 2.5h5.5L12 5v8.5H4zM6 7h4M6 9.5h4M9.3 2.7v2.6h2.6',
  api: 'M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.2 10.2l3.3 3.3',
  good: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM5.2 8.2l2 2 3.6-4.2',
  bad: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  warn: 'M8 2.2 14.3 13.3H1.7zM8 6.5v3.2M8 11.4v.2',
  busy: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM8 4.8V8l2.3 1.6',
  off: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM3.7 3.7l8.6 8.6',
  none: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8z',
  arrow: 'M3 8h10M9 4l4 4-4 4',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2 12.5 8 5 12.8z',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.3V2.5h-8v8h2.8',
  menu: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  lock: 'M4 7.5h8v6H4zM5.8 7.3V5a2.2 2.2 0 0 1 4.4 0v2.3',
  theme: 'M8 1.8a6.2 6.2 0 1 0 0 12.4zM8 1.8a6.2 6.2 0 0 1 0 12.4',
} as const;

export type IconName = keyof typeof shapes;

export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${svg`<path d=${shapes[name]} />`}</svg>`;
}
