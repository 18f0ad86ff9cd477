import { html, nothing, type TemplateResult } from 'lit-html';
import { type Answer, ApiError, call } from '../api.ts';
import { openApi, type Schema } from '../openapi.ts';
import { action, heading, problemOf, problemPanel } from '../parts/basic.ts';
import { type Fault, faultsAt, fields, objectOf, type Values, valuesOf } from '../parts/definition-form.ts';
import { go, to } from '../router.ts';
import { defineScreen, type Page } from '../screen.ts';
import { update } from '../store.ts';
import type { EnrollmentGroup, Problem } from '../types.ts';

interface Data {
  readonly schema: Schema;
  /** Absent for a new group. */
  readonly answer: Answer<EnrollmentGroup> | undefined;
}

interface Local {
  readonly id: string;
  /** Only fields that were changed. */
  readonly values: Values;
  readonly faults: readonly Fault[];
  readonly problem?: Problem | undefined;
  readonly isBusy: boolean;
  readonly adopt: boolean;
}

/** The members of a definition in the order in which people decide about them. A member that is not here comes last. */
const parts: readonly (readonly [string, readonly string[]])[] = [
  ['Purpose', ['description', 'target', 'enrollment', 'provisioningStatus']],
  [
    'Keys and certificates',
    [
      ...['keyCustody', 'recipients', 'keyType', 'validityDays', 'validityJitterDays', 'bundleShelfLifeDays'],
      ...['keyUri', 'pkcs11', 'issuingCa', 'attestation'],
    ],
  ],
  [
    'Hub and twin',
    ['allocation', 'allocationPolicy', 'iotHubs', 'customAllocation', 'reprovisionPolicy', 'initialTwin'],
  ],
  ['Bundle', ['deviceIdCase', 'autoReprovisioningMode', 'edgeCa', 'est', 'trustBundle', 'agentImage']],
];

export const groupEditScreen = defineScreen<Data, Local>({
  title: ({ id }) => (id === undefined ? 'Declare a group' : `Edit ${id}`),
  local: () => ({ id: '', values: {}, faults: [], isBusy: false, adopt: false }),
  async load({ params: { id }, signal }) {
    const { components } = await openApi(signal);
    const answer =
      id === undefined
        ? undefined
        : await call<EnrollmentGroup>(`enrollment-groups/${encodeURIComponent(id)}`, { signal });
    return { schema: components.schemas['GroupDefinition'] ?? {}, answer };
  },
  view(page) {
    const { params, data, local, set } = page;
    const { schema, answer } = data;
    const values = { ...valuesOf(schema, answer?.body.definition), ...local.values };
    const state = {
      values,
      faults: local.faults,
      set: (path: string, text: string) => set({ values: { ...local.values, [path]: text } }),
    };
    const known = parts.flatMap(([, names]) => names);
    const others = Object.keys(schema.properties ?? {}).filter((name) => !known.includes(name));
    const all = others.length === 0 ? parts : [...parts, ['More', others] as const];
    const isNew = params['id'] === undefined;
    const title = isNew ? 'Declare an enrollment group' : html`Edit <span class="id">${params['id']}</span>`;
    return html`
      ${heading(title, { above: 'Devices that exist keep what they have; a change counts for new certificates' })}
      <form class="definition" novalidate @submit=${(event: Event) => void save(event, page, values)}>
        ${isNew ? idField(page) : nothing}
        ${all.map(
          ([name, names]) =>
            html`<fieldset class="panel">
              <legend>${name}</legend>
              <div class="fields">${fields(schema, names, state)}</div>
            </fieldset>`,
        )}
        ${outcome(page)}
        <div class="actions sticky">
          <button class="primary" ?disabled=${local.isBusy}>${local.isBusy ? 'Declaring …' : isNew ? 'Declare the group' : 'Save'}</button>
          ${action(isNew ? to('/groups') : to(`/groups/${params['id']}`), 'Cancel')}
        </div>
      </form>
    `;
  },
});

function idField({ local, set }: Page<Data, Local>): TemplateResult {
  const found = faultsAt('id', local.faults);
  return html`<div class="panel">
    <div class="field ${found.length > 0 ? 'faulty' : ''}">
      <label for="group-id">Id <span class="muted">(required)</span></label>
      <input id="group-id" name="id" autocomplete="off" autocapitalize="none" spellcheck="false" .value=${local.id}
        aria-invalid=${found.length > 0 ? 'true' : nothing} aria-describedby="group-id-about"
        @input=${(event: Event) => set({ id: (event.target as HTMLInputElement).value })} />
      <p id="group-id-about" class="muted">Lists name it in the column enrollmentGroup. It cannot be changed later. Example: line7.</p>
      ${found.length === 0 ? nothing : html`<p class="fault" role="alert">${found.map(({ message }) => message).join(' ')}</p>`}
    </div>
  </div>`;
}

/** Faults that belong to no field, other refusals, and the offer to take over a group of DPS. */
function outcome({ data, local, set }: Page<Data, Local>): TemplateResult | typeof nothing {
  const { problem, faults, adopt } = local;
  const names = Object.keys(data.schema.properties ?? {});
  const homeless = faults.filter(({ path }) => path !== 'id' && !names.includes(path.split('.')[0] ?? ''));
  if (problem === undefined) {
    return faults.length === 0
      ? nothing
      : html`<p class="fault" role="alert">${faults.length} of the fields above cannot be read.</p>`;
  }
  const inPlace = faults.length > homeless.length;
  const shown = inPlace
    ? { ...problem, detail: 'Some settings are not accepted. Each has its reason beside it.', faults: homeless }
    : problem;
  return html`${problemPanel(shown)}
    ${
      problem.title === 'group-exists'
        ? html`<label class="choice"><input type="checkbox" .checked=${adopt} @change=${() => set({ adopt: !adopt })} />
            <span>Take over the group of this id that DPS has</span></label>`
        : nothing
    }`;
}

async function save(event: Event, { params, data, local, set }: Page<Data, Local>, values: Values): Promise<void> {
  event.preventDefault();
  const id = params['id'] ?? local.id.trim();
  const { value, faults } = objectOf(data.schema, values);
  const all = id === '' ? [{ path: 'id', message: 'Give the group an id.' }, ...faults] : faults;
  if (all.length > 0) {
    set({ faults: all, problem: undefined });
    showFirstFault();
    return;
  }
  set({ isBusy: true, problem: undefined, faults: [] });
  try {
    // Only over the version that was edited, and never over a group that someone else has just declared.
    const etag = data.answer?.etag;
    const headers: Record<string, string> = etag === undefined ? { 'if-none-match': '*' } : { 'if-match': etag };
    await call(`enrollment-groups/${encodeURIComponent(id)}${local.adopt ? '?adopt=true' : ''}`, {
      method: 'PUT',
      json: value,
      headers,
    });
    update({ notice: { text: `The group ${id} is declared.` } });
    go(to(`/groups/${id}`));
  } catch (error) {
    const problem = problemOf(error);
    const found = error instanceof ApiError ? (problem.faults ?? []) : [];
    set({ isBusy: false, problem, faults: found });
    showFirstFault();
  }
}

/** After the page is drawn, the keyboard is at the first field that has to be corrected. */
function showFirstFault(): void {
  setTimeout(() => document.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
