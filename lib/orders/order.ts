import { createHash } from 'node:crypto';
import * as z from 'zod';
import { deviceId as deviceIdRule, enrollmentGroupId, idMeantBy, idRule } from '../devices/ids.ts';
import { mergeTwins, type Twin, type TwinSection, twinSectionIssues } from '../devices/twin.ts';
import { FleetError, type Issue } from '../errors.ts';
import { conflictPolicies } from '../jobs/job.ts';
import { type OrderReference, orderReference } from '../jobs/order-reference.ts';
import { canonicalJson, isObject, untrustedJsonIssue } from '../json.ts';
import { deviceObject } from '../manifest/device-fields.ts';
import { didYouMean, suggestion } from '../suggest.ts';
import { openEnvelope } from './cloud-event.ts';
import { wrapperIssue } from './wrapper.ts';

/**
 * A message of the ERP: devices by name, or a range of serial numbers, and the twin that all of them start with.
 * `parseOrder` makes one, with exactly one of `devices` and `range`.
 */
export type Order = Readonly<Omit<z.output<typeof schema>, 'devices' | 'range'>> &
  ({ readonly devices: readonly OrderedDevice[] } | { readonly range: SerialRange });

/** One device of an order. Its tags and desired properties win over those of the order, member by member. */
export type OrderedDevice = Readonly<z.output<typeof deviceObject>>;

/** `count` devices. Their ids are `prefix` and a number, from `start` on, written with `width` digits. */
export type SerialRange = Readonly<z.output<typeof range>>;

/** Largest message of a storage queue, in bytes: https://learn.microsoft.com/azure/storage/queues/scalability-targets. */
const maxOrderBytes = 64 * 1024;

/** Most registrations of one DPS instance: https://learn.microsoft.com/azure/iot-dps/about-iot-dps. */
const maxRangeCount = 1_000_000;

/** Most bytes of rows that a range makes: a million devices with 1 KiB each. A message of 64 KiB could ask for 60 GB. */
const maxOrderRowsBytes = 1024 ** 3;

/** Bytes of rows that are written to the blob in one piece. One write per row would cost more. */
const pieceBytes = 64 * 1024;

/** A number, or its digits as text: SAP and OData write numbers so. */
function numberOrDigits(number: z.ZodInt) {
  return z.preprocess((value, context) => {
    if (typeof value !== 'string') return value;
    const digits = value.trim();
    if (/^(?:0|[1-9]\d{0,15})$/.test(digits)) return Number(digits);
    const message = /^0\d+$/.test(digits)
      ? `has leading zeros (write ${Number(digits)}; "width" is the number of digits)`
      : `expected a whole number, not ${JSON.stringify(value.slice(0, 40))}`;
    context.issues.push({ code: 'custom', input: value, message });
    return z.NEVER;
  }, number);
}

const range = z
  .strictObject({
    prefix: z.string().max(63),
    start: numberOrDigits(z.int().min(0)),
    count: numberOrDigits(z.int().min(1).max(maxRangeCount)),
    width: numberOrDigits(z.int().min(1).max(64)),
  })
  .superRefine((value, context) => {
    const last = String(value.start + value.count - 1);
    if (last.length > value.width) {
      const message = `too narrow (number ${last}, the last of the range, has ${last.length} digits)`;
      context.addIssue({ code: 'custom', path: ['width'], message });
      return;
    }
    // The ids of a range differ in digits only and have one length: if the first is valid, all are.
    const first = serialId(value, 0);
    if (deviceIdRule.test(first)) return;
    const lower = value.prefix.toLowerCase();
    const corrected = deviceIdRule.test(serialId({ ...value, prefix: lower }, 0))
      ? `; write ${JSON.stringify(lower)}`
      : '';
    const made = JSON.stringify(first.slice(0, 80));
    const message = `makes invalid device ids such as ${made} (expected ${idRule}${corrected})`;
    context.addIssue({ code: 'custom', path: ['prefix'], message });
  });

/** A section of the twin that all devices of the order start with. If it is invalid, every row would be refused for it. */
function sharedSection(section: TwinSection) {
  return deviceObject.shape[section].superRefine((document, context) => {
    for (const { path, message } of twinSectionIssues(section, document)) {
      context.addIssue({ code: 'custom', path: path.split('.').slice(1), message });
    }
  });
}

/** An id, or a whole number: some systems count their orders. */
const orderIdText = z.preprocess(
  (id) => (Number.isSafeInteger(id) && (id as number) >= 0 ? String(id) : id),
  z
    .string()
    .min(1)
    // It travels as metadata of a blob, which has 8 KB in all, and lists show it.
    .max(200)
    .refine((id) => id === id.trim(), 'has white space around it')
    .refine(
      (id) => id.isWellFormed() && !/\p{Cc}/u.test(id),
      'contains a control character or half of a surrogate pair',
    ),
);

const policy = z.preprocess((word) => (typeof word === 'string' ? word.toLowerCase() : word), z.enum(conflictPolicies));

const members = {
  orderId: orderIdText,
  enrollmentGroup: z.string().regex(enrollmentGroupId, { error: ({ input }) => groupIdFault(String(input)) }),
  onConflict: absentOr(policy),
  adopt: absentOr(z.boolean()),
  /** True: the order is only checked, and its id stays free. */
  dryRun: absentOr(z.boolean()),
  tags: sharedSection('tags'),
  desired: sharedSection('desired'),
  devices: absentOr(z.array(deviceObject).min(1)),
  range: absentOr(range),
  reference: absentOr(orderReference),
};

function groupIdFault(found: string): string {
  const meant = idMeantBy(found);
  return `expected ${idRule}${meant === undefined ? '' : `; write ${JSON.stringify(meant)}`}`;
}

/** Senders write null for a member that is absent. */
function absentOr<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value) => value ?? undefined);
}

const eitherDevicesOrRange = 'expected either "devices" or "range"';

const schema = z
  .strictObject(members)
  .refine(({ devices, range: serials }) => (devices === undefined) !== (serials === undefined), {
    error: eitherDevicesOrRange,
    // Also when a member is wrong: the sender sees every issue at once.
    when: ({ value }) => isObject(value),
  });

/**
 * Reads an order, plain or in a CloudEvents 1.0 envelope (JSON format). Its devices become rows of a manifest, so rules of
 * a single row (id, twin limits, CSR) are checked there and reported per row.
 * @param body one order; `ordersIn` takes a batch apart
 * @throws FleetError `order-invalid` with every issue
 * @example
 * parseOrder({ orderId: 'PO-4711', enrollmentGroup: 'line7', devices: [{ deviceId: 'gw-1' }] });
 */
export function parseOrder(body: unknown): Order {
  checkUntrusted(body);
  const envelope = openEnvelope(body);
  if ('issues' in envelope) throw invalid(envelope.issues);
  const wrapper = wrapperIssue(envelope.data);
  if (wrapper !== undefined) throw invalid([wrapper]);
  return orderIn(envelope.data, envelope.path);
}

/** Most orders of one message. The smallest order has 66 bytes, so no more of them fit into a message. */
const maxOrders = 1000;

/**
 * The orders of a message: the message itself, or each item of a list or of a CloudEvents batch
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#4-json-batch-format). An event whose data
 * is a list becomes one event per item.
 * @returns bodies for `parseOrder`, not checked yet
 * @throws FleetError `order-invalid` for an empty list, and for one that no order can have come from
 */
export function ordersIn(body: unknown): readonly unknown[] {
  checkUntrusted(body);
  const envelope = openEnvelope(body);
  const data = 'issues' in envelope ? undefined : envelope.data;
  if (!Array.isArray(data)) return Array.isArray(body) ? counted(body) : [body];
  if (data === body) return counted(data);
  // Extensions of the event are left out: nothing reads them, and each item would carry them.
  const { specversion, id, source, type } = body as Record<string, unknown>;
  return counted(data).map((item: unknown) => ({ specversion, id, source, type, data: item }));
}

function counted(items: readonly unknown[]): readonly unknown[] {
  if (items.length > 0 && items.length <= maxOrders) return items;
  throw invalid([{ path: '(message)', message: `a list of ${items.length} orders (expected 1 to ${maxOrders})` }]);
}

/** @throws FleetError `order-invalid` for a body that must not be walked. Call it before anything else walks it. */
function checkUntrusted(body: unknown): void {
  const untrusted = untrustedJsonIssue(body);
  if (untrusted !== undefined) throw invalid([untrusted]);
  const bytes = Buffer.byteLength(JSON.stringify(body) ?? '');
  if (bytes <= maxOrderBytes) return;
  throw invalid([{ path: '(order)', message: `${bytes} bytes (expected at most ${maxOrderBytes})` }]);
}

/**
 * What a dead letter shows of the order that it holds: its id and reference, as far as they can be read.
 * @param body any message of the queue
 */
export function orderKeys(body: unknown): { readonly orderId?: string; readonly reference?: OrderReference } {
  if (untrustedJsonIssue(body) !== undefined) return {};
  const envelope = openEnvelope(body);
  const data = 'issues' in envelope ? undefined : envelope.data;
  if (!isObject(data)) return {};
  const orderId = orderIdText.safeParse(data['orderId']);
  const reference = orderReference.safeParse(data['reference']);
  return {
    ...(orderId.success && { orderId: orderId.data }),
    ...(reference.success && { reference: reference.data }),
  };
}

/**
 * SHA-256 (hex) of the content of an order. Does not depend on the envelope, on the order of keys, or on whether a default
 * is written out. Two orders with equal digests ask for the same.
 */
export function orderDigest({ onConflict = 'reject', adopt = false, dryRun: _, ...order }: Order): string {
  // `adopt` only when it is true: orders of earlier versions keep their digest.
  return createHash('sha256')
    .update(canonicalJson({ ...order, onConflict, ...(adopt && { adopt }) }))
    .digest('hex');
}

/** The order as rows of an NDJSON manifest, in pieces of about 64 KiB. Only one piece is in memory at a time. */
export async function* orderRows(order: Order): AsyncIterable<Uint8Array> {
  let piece: string[] = [];
  let length = 0;
  for (const row of rows(order)) {
    piece.push(row);
    length += row.length;
    if (length < pieceBytes) continue;
    yield Buffer.from(piece.join(''));
    piece = [];
    length = 0;
  }
  if (piece.length > 0) yield Buffer.from(piece.join(''));
}

/** @param at where in the message `data` is */
function orderIn(data: unknown, at: readonly string[]): Order {
  const parsed = schema.safeParse(data);
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues
        .flatMap((issue) => issuesOf(issue, data))
        .map(({ path, message }) => ({ path: pathOf([...at, ...path]), message })),
    );
  }
  const { devices, range: serials, ...common } = parsed.data;
  if (devices !== undefined) return { ...common, devices };
  // The schema has made sure that there is one of the two.
  const order = { ...common, range: serials as SerialRange };
  const bytes = order.range.count * Buffer.byteLength(rows(order).next().value ?? '');
  if (bytes > maxOrderRowsBytes) {
    const message = `makes ${bytes} bytes of rows (expected at most ${maxOrderRowsBytes})`;
    throw invalid([{ path: pathOf([...at, 'range', 'count']), message }]);
  }
  return order;
}

/** Unknown members of one object that are compared with the known ones. An object of 64 KiB has up to ten thousand. */
const maxNamed = 20;

/** An issue of zod in our words. A member under another spelling is named once, and not as missing besides. */
function issuesOf(issue: z.core.$ZodIssue, data: unknown): { path: readonly PropertyKey[]; message: string }[] {
  const { path, code, message } = issue;
  if (code === 'unrecognized_keys') {
    return issue.keys.slice(0, maxNamed).map((key) => {
      const elsewhere = path.length === 0 ? ' (your own keys belong in "reference")' : '';
      const hint = didYouMean(key, knownAt(path)) || elsewhere;
      return { path, message: `unknown member ${JSON.stringify(key.slice(0, 80))}${hint}` };
    });
  }
  if (message === eitherDevicesOrRange) {
    return isMisspelt('devices', data, path) || isMisspelt('range', data, path) ? [] : [{ path, message }];
  }
  const parent = valueAt(data, path.slice(0, -1));
  const name = String(path.at(-1) ?? '');
  const isMissing = code === 'invalid_type' && isObject(parent) && (parent[name] ?? undefined) === undefined;
  if (!isMissing) return [{ path, message }];
  return isMisspelt(name, parent, path.slice(0, -1)) ? [] : [{ path, message: 'is missing' }];
}

/** True when an object has the member under a name that is not known. */
function isMisspelt(name: string, parent: unknown, path: readonly PropertyKey[]): boolean {
  const known = knownAt(path);
  const names = Object.keys(Object(parent)).slice(0, maxNamed);
  return names.some((key) => !known.includes(key) && suggestion(key, known) === name);
}

/** The names of the members that an object of an order can have. */
function knownAt([section]: readonly PropertyKey[]): readonly string[] {
  if (section === undefined) return Object.keys(members);
  return Object.keys(section === 'range' ? range.shape : deviceObject.shape);
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => Object(value)[step], data);
}

function pathOf(steps: readonly PropertyKey[]): string {
  return steps.map(String).join('.').slice(0, 200) || '(order)';
}

function invalid(issues: readonly Issue[]): FleetError {
  return FleetError.of('order-invalid', 'The order', issues);
}

function* rows(order: Order): Generator<string, undefined> {
  const { enrollmentGroup, tags, desired } = order;
  const shared: Twin = { tags, desired };
  if ('devices' in order) {
    for (const { deviceId, csr, tags: own, desired: owned } of order.devices) {
      // A null stays, so that the check of the row refuses it.
      const twin = mergeTwins(shared, { tags: own, desired: owned }, { keepNull: true });
      yield `${JSON.stringify({ deviceId, enrollmentGroup, csr, ...twin })}\n`;
    }
    return;
  }
  // The rows of a range differ in the id only, which needs no escaping.
  const rest = JSON.stringify({ enrollmentGroup, ...shared }).slice(1);
  for (let index = 0; index < order.range.count; index += 1) {
    yield `{"deviceId":"${serialId(order.range, index)}",${rest}\n`;
  }
}

function serialId({ prefix, start, width }: z.output<typeof range>, index: number): string {
  return prefix + String(start + index).padStart(width, '0');
}
