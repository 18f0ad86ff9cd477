/*
 * What the deployment says about definitions of groups in its own description (openapi.json): members and defaults. So a plan
 * fits the version that runs there, and not the one that this command line was made for.
 */

/** The part of JSON Schema that a definition uses. */
export interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly const?: unknown;
  /** Forms of which one fits. */
  readonly anyOf?: readonly Schema[];
  /** Of a constant: the value that it is short for. */
  readonly 'x-stands-for'?: unknown;
}

type Value = Readonly<Record<string, unknown>>;

/** The form of an object among several forms. */
function objectForm(schema: Schema): Schema {
  return schema.anyOf?.find(({ type }) => type === 'object') ?? schema;
}

/** @returns the value that a short form of the member stands for; any other value as it is */
function inFull({ anyOf = [] }: Schema, given: unknown): unknown {
  const short = anyOf.find((form) => form.const !== undefined && form.const === given);
  return short?.['x-stands-for'] ?? given;
}

/** @returns the definition with the default of each member that it leaves out */
export function withDefaults(schema: Schema, value: Value): Value {
  const members = Object.entries(schema.properties ?? {}).flatMap(([name, member]): [string, unknown][] => {
    const given = value[name] === undefined ? member.default : inFull(member, value[name]);
    if (given === undefined) return [];
    return [[name, isObject(given) ? withDefaults(objectForm(member), given) : given]];
  });
  // Members without a schema, such as tags.
  const others = Object.entries(value).filter(([name]) => schema.properties?.[name] === undefined);
  return Object.fromEntries([...members, ...others]);
}

/** @returns what is wrong with a definition, as far as its schema says; the deployment checks the rest */
export function faultsOf(schema: Schema, value: Value, path = ''): string[] {
  const { properties = {}, additionalProperties, required = [] } = schema;
  const missing = required.filter((name) => value[name] === undefined).map((name) => `${path}${name} is missing`);
  const members = Object.entries(value).flatMap(([name, written]): string[] => {
    const described = properties[name];
    const at = `${path}${name}`;
    if (described === undefined) return additionalProperties === false ? [`there is no member ${at}`] : [];
    const member = objectForm(described);
    const given = inFull(described, written);
    if (member.enum !== undefined && !member.enum.includes(given)) {
      return [`${at} is ${JSON.stringify(given)}; expected ${member.enum.join(', ')}`];
    }
    if (member.type !== undefined && !isOfType(member.type, given)) return [`${at} has to be of type ${member.type}`];
    return isObject(given) ? faultsOf(member, given, `${at}.`) : [];
  });
  return [...missing, ...members];
}

function isOfType(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isObject(value);
  return typeof value === type;
}

export function isObject(value: unknown): value is Value {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
