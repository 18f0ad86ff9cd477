import { createHash } from 'node:crypto';
import * as z from 'zod';
import { deviceId as deviceIdRule, enrollmentGroupId, idRule } from '../devices/ids.ts';
import { mergeTwins, type Twin, type TwinSection, twinSectionIssues } from '../devices/twin.ts';
import { FleetError, type Issue } from '../errors.ts';
import { conflictPolicies } from '../jobs/job.ts';
import { canonicalJson, isObject, untrustedJsonIssue } from '../json.ts';
import { deviceObject } from '../manifest/device-fields.ts';
import { openEnvelope } from './cloud-event.ts';

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

const range = z
  .strictObject({
    prefix: z.string().max(63),
    start: z.int().min(0),
    count: z.int().min(1).max(maxRangeCount),
    width: z.int().min(1).max(64),
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
    const message = `makes invalid device ids such as ${JSON.stringify(first.slice(0, 80))} (expected ${idRule})`;
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

const schema = z
  .strictObject({
    orderId: z
      .string()
      .min(1)
      // It travels as metadata of a blob, which has 8 KB in all, and lists show it.
      .max(200)
      .refine((id) => id === id.trim(), 'has white space around it')
      .refine(
        (id) => id.isWellFormed() && !/\p{Cc}/u.test(id),
        'contains a control character or half of a surrogate pair',
      ),
    enrollmentGroup: z.string().regex(enrollmentGroupId, `expected ${idRule}`),
    onConflict: z.enum(conflictPolicies).optional(),
    /** True: the order is only checked, and its id stays free. */
    dryRun: z.boolean().optional(),
    tags: sharedSection('tags'),
    desired: sharedSection('desired'),
    devices: z.array(deviceObject).min(1).optional(),
    range: range.optional(),
  })
  .refine(({ devices, range: serials }) => (devices === undefined) !== (serials === undefined), {
    error: 'expected either "devices" or "range"',
    // Also when a member is wrong: the sender sees every issue at once.
    when: ({ value }) => isObject(value),
  });

/**
 * Reads an order, plain or in a CloudEvents 1.0 envelope (JSON format). Its devices become rows of a manifest, so rules of
 * a single row (id, twin limits, CSR) are checked there and reported per row.
 * @throws FleetError `order-invalid` with every issue
 * @example
 * parseOrder({ orderId: 'PO-4711', enrollmentGroup: 'line7', devices: [{ deviceId: 'gw-1' }] });
 */
export function parseOrder(body: unknown): Order {
  // Before anything else walks the body.
  const untrusted = untrustedJsonIssue(body);
  if (untrusted !== undefined) throw invalid([untrusted]);
  const bytes = Buffer.byteLength(JSON.stringify(body) ?? '');
  if (bytes > maxOrderBytes) {
    throw invalid([{ path: '(order)', message: `${bytes} bytes (expected at most ${maxOrderBytes})` }]);
  }
  const envelope = openEnvelope(body);
  if ('issues' in envelope) throw invalid(envelope.issues);
  return orderIn(envelope.data, envelope.path);
}

/**
 * SHA-256 (hex) of the content of an order. Does not depend on the envelope, on the order of keys, or on whether a default
 * is written out. Two orders with equal digests ask for the same.
 */
export function orderDigest({ onConflict = 'reject', dryRun: _, ...order }: Order): string {
  return createHash('sha256')
    .update(canonicalJson({ ...order, onConflict }))
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
    throw invalid(parsed.error.issues.map(({ path, message }) => ({ path: pathOf([...at, ...path]), message })));
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
      const twin = mergeTwins(shared, { tags: own, desired: owned });
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
