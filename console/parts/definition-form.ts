import { html, nothing, type TemplateResult } from 'lit-html';
import type { Schema } from '../openapi.ts';
import { prose } from './basic.ts';

/*
 * A form for any JSON object that has a schema: one field per member, with its description, its limits and its fault. What is
 * typed stays text until it is sent, so that a fault never loses it.
 */

/** The value of each field, by the path of its member with dots. */
export type Values = Readonly<Record<string, string>>;

export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** How a member is entered. */
type Kind = 'text' | 'number' | 'choice' | 'flag' | 'lines' | 'blocks' | 'json' | 'object';

/** The form of an object, of a member that also has a short form. */
function formOf(schema: Schema): Schema {
  const object = schema.anyOf?.find(({ type }) => type === 'object');
  return object === undefined ? schema : { ...object, ...(schema.description && { description: schema.description }) };
}

function kindOf(schema: Schema): Kind {
  if (schema.enum !== undefined) return 'choice';
  if (schema.type === 'boolean') return 'flag';
  if (schema.type === 'integer' || schema.type === 'number') return 'number';
  // A certificate has many lines, a host name has one.
  if (schema.type === 'array') return (schema.items?.maxLength ?? 0) > 1000 ? 'blocks' : 'lines';
  if (schema.type === 'object') return schema.properties === undefined ? 'json' : 'object';
  return 'text';
}

/** The text of each field for a value, such as the present definition. Members that it lacks are empty, or have their default. */
export function valuesOf(schema: Schema, value: unknown, before = ''): Values {
  const members = (value ?? {}) as Record<string, unknown>;
  const values: Record<string, string> = {};
  for (const [name, described] of Object.entries(schema.properties ?? {})) {
    const member = formOf(described);
    const path = before + name;
    const given = members[name] ?? (value === undefined && before !== '' ? undefined : member.default);
    if (kindOf(member) === 'object') Object.assign(values, valuesOf(member, given, `${path}.`));
    else values[path] = textOf(kindOf(member), given);
  }
  return values;
}

function textOf(kind: Kind, value: unknown): string {
  if (value === undefined) return '';
  if (kind === 'lines') return (value as string[]).join('\n');
  if (kind === 'blocks') return (value as string[]).map((each) => each.trim()).join('\n\n');
  if (kind === 'json') return Object.keys(value as object).length === 0 ? '' : JSON.stringify(value, undefined, 2);
  return String(value);
}

/**
 * The object that the fields say, and the faults that only this form can see: text that is not JSON or not a number. Fields that
 * are empty are left out, and so are objects without a member that they require.
 */
export function objectOf(
  schema: Schema,
  values: Values,
  before = '',
): { readonly value: Record<string, unknown>; readonly faults: Fault[] } {
  const value: Record<string, unknown> = {};
  const faults: Fault[] = [];
  for (const [name, described] of Object.entries(schema.properties ?? {})) {
    const member = formOf(described);
    const path = before + name;
    const kind = kindOf(member);
    if (kind === 'object') {
      const inner = objectOf(member, values, `${path}.`);
      const isWhole = (member.required ?? []).every((each) => each in inner.value);
      if (isWhole && Object.keys(inner.value).length > 0) value[name] = inner.value;
      faults.push(...inner.faults);
      continue;
    }
    const text = values[path] ?? '';
    if (text.trim() === '') continue;
    try {
      value[name] = parsed(kind, text);
    } catch (error) {
      faults.push({ path, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return { value, faults };
}

function parsed(kind: Kind, text: string): unknown {
  switch (kind) {
    case 'number': {
      if (!/^-?\d+(?:\.\d+)?$/.test(text.trim())) throw new Error('This is not a number.');
      return Number(text);
    }
    case 'flag':
      return text === 'true';
    case 'lines':
      return text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '');
    case 'blocks':
      return text.match(/-----BEGIN [^-]+-----[\s\S]*?-----END [^-]+-----/g)?.map((each) => `${each}\n`) ?? [text];
    case 'json':
      try {
        return JSON.parse(text);
      } catch {
        throw new Error('This is not JSON. Write an object such as { "site": "berlin" }.');
      }
    default:
      return text.trim();
  }
}

/** Faults of a member and of what is inside it: `recipients` has that of `recipients.0`. */
export function faultsAt(path: string, faults: readonly Fault[]): readonly Fault[] {
  return faults.filter((fault) => fault.path === path || fault.path.startsWith(`${path}.`));
}

export interface FormState {
  readonly values: Values;
  readonly faults: readonly Fault[];
  readonly set: (path: string, text: string) => void;
}

/** The fields of some members of a schema. */
export function fields(schema: Schema, names: readonly string[], state: FormState, before = ''): TemplateResult[] {
  return names.flatMap((name) => {
    const member = schema.properties?.[name];
    return member === undefined
      ? []
      : [field(name, formOf(member), before + name, (schema.required ?? []).includes(name), state)];
  });
}

function field(name: string, schema: Schema, path: string, isRequired: boolean, state: FormState): TemplateResult {
  const kind = kindOf(schema);
  const label = labelOf(name);
  if (kind === 'object') {
    const isUsed = Object.keys(state.values).some((each) => each.startsWith(`${path}.`) && state.values[each] !== '');
    return html`<details class="inner" ?open=${isUsed || faultsAt(path, state.faults).length > 0}>
      <summary>${label}</summary>
      <p class="muted">${prose(schema.description)}</p>
      ${fields(schema, Object.keys(schema.properties ?? {}), state, `${path}.`)}
    </details>`;
  }
  const found = faultsAt(path, state.faults);
  const id = `field-${path}`;
  const described = `${id}-about${found.length > 0 ? ` ${id}-fault` : ''}`;
  return html`<div class="field ${found.length > 0 ? 'faulty' : ''}">
    <label for=${id}>${label}${isRequired ? html` <span class="muted">(required)</span>` : nothing}</label>
    ${control({ kind, schema, path, id, described, isFaulty: found.length > 0, isRequired }, state)}
    <p id="${id}-about" class="muted">${prose(schema.description)}${limits(schema)}</p>
    ${found.length === 0 ? nothing : html`<p id="${id}-fault" class="fault" role="alert">${found.map(({ message }) => message).join(' ')}</p>`}
  </div>`;
}

interface Control {
  readonly kind: Kind;
  readonly schema: Schema;
  readonly path: string;
  readonly id: string;
  readonly described: string;
  readonly isFaulty: boolean;
  readonly isRequired: boolean;
}

function control(
  { kind, schema, path, id, described, isFaulty, isRequired }: Control,
  { values, set }: FormState,
): TemplateResult {
  const value = values[path] ?? '';
  const input = (event: globalThis.Event) => set(path, (event.target as HTMLInputElement).value);
  const invalid = isFaulty ? 'true' : nothing;
  if (kind === 'choice') {
    return html`<select id=${id} aria-describedby=${described} aria-invalid=${invalid} @change=${input}>
      ${isRequired && schema.default === undefined ? html`<option value="" ?selected=${value === ''}>Choose …</option>` : nothing}
      ${(schema.enum ?? []).map((each) => html`<option value=${each} ?selected=${each === value}>${each}</option>`)}
    </select>`;
  }
  if (kind === 'flag') {
    return html`<select id=${id} aria-describedby=${described} aria-invalid=${invalid} @change=${input}>
      <option value="true" ?selected=${value === 'true'}>yes</option>
      <option value="false" ?selected=${value !== 'true'}>no</option>
    </select>`;
  }
  if (kind === 'lines' || kind === 'blocks' || kind === 'json') {
    const rows = kind === 'lines' ? 2 : 4;
    return html`<textarea id=${id} rows=${rows} spellcheck="false" aria-describedby=${described} aria-invalid=${invalid} .value=${value} @input=${input}></textarea>`;
  }
  return html`<input id=${id} inputmode=${kind === 'number' ? 'numeric' : nothing} autocomplete="off" spellcheck="false"
    aria-describedby=${described} aria-invalid=${invalid} .value=${value} @input=${input} />`;
}

function limits({ minimum, maximum, default: standard, type }: Schema): string {
  const range = minimum !== undefined && maximum !== undefined ? ` From ${minimum} to ${maximum}.` : '';
  const usual = standard !== undefined && type !== 'object' && type !== 'array' ? ` Default: ${String(standard)}.` : '';
  return range + usual;
}

/** Names that are not words of English. */
const names: Readonly<Record<string, string>> = {
  est: 'EST server',
  edgeCa: 'Edge CA',
  iotHubs: 'IoT hubs',
  issuingCa: 'Issuing CA',
  keyUri: 'Key URI',
  pkcs11: 'PKCS #11',
  trustedCa: 'Trusted CA',
  webhookUrl: 'Webhook URL',
  url: 'URL',
  apiVersion: 'API version',
};

/** @example labelOf('keyCustody') // 'Key custody' */
export function labelOf(name: string): string {
  const given = names[name];
  if (given !== undefined) return given;
  const text = name.replaceAll(/([a-z])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
}
