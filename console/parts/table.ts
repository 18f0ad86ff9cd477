import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { type Place, to, withQuery } from '../router.ts';

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => unknown;
  /** Numbers stand right. The first column names its row. */
  readonly kind?: 'number' | 'wide';
}

export interface Selection {
  readonly chosen: ReadonlySet<string>;
  readonly choose: (ids: readonly string[], chosen: boolean) => void;
}

/**
 * A table whose rows keep their place in the page while they change. On a narrow screen each row becomes a block, and each
 * cell has the name of its column.
 * @param label says what the rows are
 */
export function table<Row>(
  label: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  idOf: (row: Row) => string,
  selection?: Selection,
): TemplateResult {
  const ids = rows.map(idOf);
  const chosenHere = ids.filter((id) => selection?.chosen.has(id)).length;
  const all = html`<th scope="col" class="check">
    <input
      type="checkbox"
      aria-label="Select all rows of this page"
      .checked=${ids.length > 0 && chosenHere === ids.length}
      .indeterminate=${chosenHere > 0 && chosenHere < ids.length}
      @change=${(event: Event) => selection?.choose(ids, (event.target as HTMLInputElement).checked)}
    />
  </th>`;
  return html`<div class="table" role="group" aria-label=${label} tabindex="0">
    <table>
      <thead>
        <tr>
          ${selection === undefined ? nothing : all}
          ${columns.map(({ name, kind }) => html`<th scope="col" class=${kind ?? nothing}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${repeat(rows, idOf, (row) => {
          const id = idOf(row);
          return html`<tr class=${selection?.chosen.has(id) ? 'chosen' : nothing}>
            ${selection === undefined ? nothing : checkCell(id, selection)}
            ${columns.map(({ name, kind, cell }) => html`<td class=${kind ?? nothing} data-name=${name}>${cell(row)}</td>`)}
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

function checkCell(id: string, { chosen, choose }: Selection): TemplateResult {
  return html`<td class="check">
    <input
      type="checkbox"
      aria-label=${`Select ${id}`}
      .checked=${chosen.has(id)}
      @change=${(event: Event) => choose([id], (event.target as HTMLInputElement).checked)}
    />
  </td>`;
}

/** Leads to the next page of a list, and back to its first one. The browser's back button leads to the page before. */
export function pager(place: Place, continuation: string | undefined): TemplateResult | typeof nothing {
  const isFirst = !place.query.has('continuation');
  if (isFirst && continuation === undefined) return nothing;
  return html`<nav class="pager" aria-label="Pages">
    ${isFirst ? nothing : html`<a class="button" href=${withQuery(place, { continuation: undefined })}>First page</a>`}
    ${
      continuation === undefined
        ? html`<span class="muted">This is the last page.</span>`
        : html`<a class="button" rel="next" href=${withQuery(place, { continuation })}>Next page</a>`
    }
  </nav>`;
}

/** A choice that is part of the address. A change of it begins at the first page. */
export function filter(
  place: Place,
  name: string,
  label: string,
  options: readonly (readonly [value: string, text: string])[],
  go: (address: string) => void,
): TemplateResult {
  const present = place.query.get(name) ?? '';
  return html`<label class="field"
    ><span>${label}</span>
    <select
      name=${name}
      @change=${(event: Event) =>
        go(withQuery(place, { [name]: (event.target as HTMLSelectElement).value, continuation: undefined }))}
    >
      ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === present}>${text}</option>`)}
    </select>
  </label>`;
}

/** Takes all filters off. */
export function clearFilters(place: Place): TemplateResult | typeof nothing {
  return [...place.query.keys()].length === 0
    ? nothing
    : html`<a class="button" href=${to(place.path)}>Clear filters</a>`;
}
