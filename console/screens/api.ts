import { html, nothing, type TemplateResult } from 'lit-html';
import { type OpenApi, type Operation, openApi, type Parameter, resolve, type Schema } from '../openapi.ts';
import { empty, heading, prose } from '../parts/basic.ts';
import { table } from '../parts/table.ts';
import { go, type Place, withQuery } from '../router.ts';
import { defineScreen } from '../screen.ts';

/** The reference of the API, drawn from its own description. */
export const apiScreen = defineScreen<OpenApi, object>({
  title: () => 'API',
  local: () => ({}),
  load: ({ signal }) => openApi(signal),
  view({ place, data }) {
    const sought = (place.query.get('q') ?? '').toLowerCase();
    const all = Object.entries(data.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
    );
    const found = all.filter(({ path, method, operation }) =>
      `${method} ${path} ${operation.operationId} ${operation.summary}`.toLowerCase().includes(sought),
    );
    return html`
      ${heading('API', { above: html`Version ${data.info.version}. <a href="/console/api" @click=${download}>Download openapi.json</a>` })}
      <div class="filters">${searchField(place)}</div>
      ${found.length === 0 ? empty('No operation matches.', 'Search by path, name or purpose.') : nothing}
      ${data.tags.map(({ name, description }) => {
        const operations = found.filter(({ operation }) => operation.tags.includes(name));
        if (operations.length === 0) return nothing;
        return html`<section class="panel" aria-label=${name}>
          <header><h2>${name}</h2><p class="muted">${prose(description)}</p></header>
          ${operations.map((each) => operationView(data, each))}
        </section>`;
      })}
    `;
    function download(event: Event): void {
      event.preventDefault();
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([JSON.stringify(data, undefined, 2)], { type: 'application/json' }));
      link.download = 'openapi.json';
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    }
  },
});

function searchField(place: Place): TemplateResult {
  const input = (event: Event) =>
    go(withQuery(place, { q: (event.target as HTMLInputElement).value }), { replace: true });
  return html`<label class="field"
    ><span>Find an operation</span><input type="search" name="q" value=${place.query.get('q') ?? ''} @input=${input}
  /></label>`;
}

interface Entry {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

function operationView(api: OpenApi, { path, method, operation }: Entry): TemplateResult {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  return html`<details class="operation">
    <summary>
      <span class="method ${method.toLowerCase()}">${method}</span> <code>/api${path}</code>
      <span>${summary}</span> <span class="tag">${operation['x-required-role']}</span>
    </summary>
    ${description === undefined ? nothing : html`<p>${prose(description)}</p>`}
    ${parameters.length === 0 ? nothing : table(`Parameters of ${operation.operationId}`, parameterColumns, parameters, ({ name }) => name)}
    ${requestBody === undefined ? nothing : html`<h3>Body</h3><p>${prose(requestBody.description)}</p>${bodies(api, requestBody.content)}`}
    <h3>Answers</h3>
    <dl class="answers">
      ${Object.entries(responses).map(([status, response]) => {
        const name = response.$ref?.split('/').at(-1);
        const shown = name === undefined ? response : (api.components.responses?.[name] ?? response);
        return html`<div><dt>${status}</dt><dd>${prose(shown.description)}${Number(status) < 400 ? bodies(api, shown.content ?? {}) : nothing}</dd></div>`;
      })}
    </dl>
  </details>`;
}

const parameterColumns = [
  { name: 'Name', cell: ({ name, required }: Parameter) => html`<code>${name}</code>${required ? ' (required)' : ''}` },
  { name: 'In', cell: ({ in: place }: Parameter) => place },
  { name: 'Type', cell: ({ schema = {} }: Parameter) => html`<code>${typeText(schema)}</code>` },
  { name: 'Meaning', kind: 'wide' as const, cell: ({ description }: Parameter) => prose(description) },
];

function bodies(api: OpenApi, content: Readonly<Record<string, { readonly schema?: Schema }>>): TemplateResult {
  const types = Object.keys(content);
  const json = content['application/json']?.schema;
  const others = types.filter((type) => type !== 'application/json');
  return html`${json === undefined ? nothing : schemaView(api, json)}
    ${others.length === 0 ? nothing : html`<p class="muted">${others.join(', ')}</p>`}`;
}

/** The members of an object, one level; what they refer to opens inside. */
function schemaView(api: OpenApi, given: Schema, depth = 0): TemplateResult {
  const { name, schema } = resolve(api, given);
  const item = schema.items === undefined ? undefined : resolve(api, schema.items);
  const properties = Object.entries(schema.properties ?? item?.schema.properties ?? {});
  const title = name ?? (item?.name === undefined ? typeText(schema) : `${item.name}[]`);
  if (properties.length === 0 || depth > 3) return html`<code>${title}</code>`;
  return html`<details class="schema">
    <summary><code>${title}</code></summary>
    <ul>
      ${properties.map(([member, value]) => {
        const { schema: inner } = resolve(api, value);
        const isObject =
          inner.properties !== undefined ||
          (inner.items !== undefined && resolve(api, inner.items).schema.properties !== undefined);
        return html`<li>
          <code>${member}</code> ${isObject ? schemaView(api, value, depth + 1) : html`<span class="type">${typeText(inner)}</span>`}
          <span class="muted">${prose(value.description ?? inner.description)}</span>
        </li>`;
      })}
    </ul>
  </details>`;
}

function typeText({ type, format, enum: values, $ref, items }: Schema): string {
  if (values !== undefined) return values.join(' | ');
  if ($ref !== undefined) return $ref.split('/').at(-1) ?? '';
  if (type === 'array') return `${items === undefined ? 'any' : typeText(items)}[]`;
  return format === undefined ? (type ?? 'any') : `${type} (${format})`;
}
