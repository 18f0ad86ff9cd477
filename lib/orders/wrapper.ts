import { excerpt, type Issue } from '../errors.ts';
import { isObject } from '../json.ts';
import { looseName } from '../manifest/blanks.ts';

/** Levels below the message in which an order is looked for: `d.results.0` is three. */
const maxLevels = 3;

/**
 * Recognizes an order inside something else: the event of another schema, or the answer of an OData service. It is not taken
 * out: who sends it may not mean all of it as an order.
 * @returns the one issue, with what to send instead; undefined for a message that is no such wrapper
 */
export function wrapperIssue(body: unknown): Issue | undefined {
  if (!isObject(body) || hasOrderId(body)) return undefined;
  const names = new Set(Object.keys(body).map(looseName));
  if (names.has('eventtype') && names.has('data')) return { path: '(order)', message: eventGrid };
  if (names.has('specversion') && !('specversion' in body)) return { path: '(order)', message: misspeltEvent };
  const path = pathToOrder(body, maxLevels);
  if (path === undefined) return undefined;
  const place = excerpt(path.join('.'));
  const kind = names.has('d') || names.has('value') ? 'an answer of an OData service' : 'a wrapper';
  return { path: '(order)', message: `${kind} around an order. Send what is in "${place}", without the rest` };
}

const eventGrid =
  'an event of the Event Grid schema. Send what is in "data", or have the subscription deliver CloudEvents 1.0';
const misspeltEvent =
  'a CloudEvent whose attributes are written in another way. Write specversion, id, source, type, data';

/** The first object below that has an order id; the first item of a list stands for all. */
function pathToOrder(body: Record<string, unknown>, levels: number): string[] | undefined {
  if (levels === 0) return undefined;
  for (const [name, member] of Object.entries(body)) {
    const inner: unknown = Array.isArray(member) ? member[0] : member;
    if (!isObject(inner)) continue;
    if (hasOrderId(inner)) return [name];
    const below = pathToOrder(inner, levels - 1);
    if (below !== undefined) return [name, ...below];
  }
  return undefined;
}

function hasOrderId(body: Record<string, unknown>): boolean {
  return Object.keys(body).some((name) => looseName(name) === 'orderid');
}
