import { get } from './api.ts';

/*
 * The description of the API, as far as the console reads it: the reference and the form of a group are drawn from it, so they
 * are never behind the app.
 */

export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

export interface Response {
  readonly description?: string;
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
  readonly $ref?: string;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly 'x-required-role': string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly description?: string;
    readonly content: Readonly<Record<string, { readonly schema?: Schema }>>;
  };
  readonly responses: Readonly<Record<string, Response>>;
}

export interface OpenApi {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly tags: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses?: Readonly<Record<string, Response>>;
  };
}

let document: OpenApi | undefined;

/** Read once: it changes only with the app. */
export async function openApi(signal: AbortSignal): Promise<OpenApi> {
  document ??= await get<OpenApi>('openapi.json', signal);
  return document;
}

/** The name of a component and the component. @example resolve(api, { $ref: '#/components/schemas/Job' }).name // 'Job' */
export function resolve(api: OpenApi, schema: Schema): { readonly name?: string; readonly schema: Schema } {
  const name = schema.$ref?.split('/').at(-1);
  const found = name === undefined ? undefined : api.components.schemas[name];
  return found === undefined || name === undefined ? { schema } : { name, schema: found };
}
