import { createHash } from 'node:crypto';
import * as z from 'zod';
import { deviceId as deviceIdRule, enrollmentGroupId, idRule } from '../devices/ids.ts';
import { mergeTwins, type Twin, twinSectionIssues } from '../devices/twin.ts';
import { FleetError, type Issue } from '../errors.ts';
import { conflictPolicies } from '../jobs/job.ts';
import { canonicalJson, isObject, untrustedJsonIssue } from '../json.ts';
import { deviceObject } from '../manifest/device-fields.ts';
import { openEnvelope } from './cloud-event.ts';

/** What an ERP sends: devices by name, or a range of serial numbers, and a twin that all of them start with. */
export type Order = Readonly<Omit<z.output<typeof schema>, 'devices' | 'range'>> &
  ({ readonly devices: readonly OrderedDevice[] } | { readonly range: SerialRange });

/** One device of an order. Its own tags and desired properties win over the order's. */
export type OrderedDevice = Readonly<z.output<typeof deviceObject>>;

/** Devices `prefix` + number, from `start` on, the number written with `width` digits. */
export type SerialRange = Readonly<z.output<typeof range>>;

/** A storage queue holds no larger message; https://learn.microsoft.com/azure/storage/queues/scalability-targets. */
const maxOrderBytes = 64 * 1024;

/** As many registrations as one DPS instance holds; https://learn.microsoft.com/azure/iot-dps/about-iot-dps. */
const maxRangeCount = 1_000_000;

/** A range multiplies what a message holds: 1,000,000 devices of a kilobyte each are still an order, not more. */
const maxOrderRowsBytes = 1024 ** 3;

/** What goes to the blob in one piece, so that a row does not cost a write. */
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
      const message = `too narrow: number ${last}, the last of the range, has ${last.length} digits`;
      context.addIssue({ code: 'custom', path: ['width'], message });
      return;
    }
    // The ids of a range differ in digits alone, and are of one length: the first is as good or bad as all.
    const first = serialId(value, 0);
    if (deviceIdRule.test(first)) return;
    const message = `makes ids such as ${JSON.stringify(first.slice(0, 80))}; a device id is ${idRule}`;
    context.addIssue({ code: 'custom', path: ['prefix'], message });
  });

const schema = z.strictObject({
  orderId: z
    .string()
    .min(1)
    // Travels as metadata of a blob, 8 KB together, and is shown in lists.
    .max(200)
    .refine((id) => id === id.trim(), 'has white space around it')
    .refine((id) => id.isWellFormed() && !/\p{Cc}/u.test(id), 'holds a control character or half of a character'),
  enrollmentGroup: z.string().regex(enrollmentGroupId, `the id of an enrollment group is ${idRule}`),
  onConflict: z.enum(conflictPolicies).optional(),
  tags: deviceObject.shape.tags,
  desired: deviceObject.shape.desired,
  devices: z.array(deviceObject).min(1).optional(),
  range: range.optional(),
});

/**
 * Reads an order, plain or in a CloudEvents 1.0 envelope (JSON format), and says everything that is wrong with it. Devices
 * become rows of a manifest: what breaks a row's rule (its id, its twin's limits, its CSR) is reported there, by row.
 * @throws FleetError `order-invalid` with `faults`
 */
export function parseOrder(body: unknown): Order {
  const hostile = untrustedJsonIssue(body);
  if (hostile !== undefined) throw FleetError.of('order-invalid', 'The order', [hostile]);
  const bytes = Buffer.byteLength(JSON.stringify(body) ?? '');
  if (bytes > maxOrderBytes) {
    throw FleetError.of('order-invalid', 'The order', [
      { path: '(order)', message: `${bytes} bytes where an order has at most ${maxOrderBytes}` },
    ]);
  }
  const envelope = openEnvelope(body);
  if ('faults' in envelope) throw FleetError.of('order-invalid', 'The order', envelope.faults);
  return orderIn(envelope.data, envelope.path);
}

/** SHA-256 (hex) of what an order asks for, whatever its envelope, the order of its keys and what it leaves to defaults. */
export function orderDigest({ onConflict = 'reject', ...order }: Order): string {
  return createHash('sha256')
    .update(canonicalJson({ ...order, onConflict }))
    .digest('hex');
}

/** The order as rows of an NDJSON manifest, in pieces of about 64 KB. One piece is held at a time, whatever the count. */
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

function orderIn(data: unknown, at: readonly string[]): Order {
  const faults: Issue[] = [];
  const fault = (path: readonly PropertyKey[], message: string) =>
    faults.push({ path: [...at, ...path].map(String).join('.').slice(0, 200) || '(order)', message });

  const parsed = schema.safeParse(data);
  for (const { path, message } of parsed.error?.issues ?? []) fault(path, message);
  if (isObject(data)) {
    if (Object.hasOwn(data, 'devices') === Object.hasOwn(data, 'range')) fault([], 'needs either "devices" or "range"');
    // A twin that every device would be refused for is refused once.
    for (const section of ['tags', 'desired'] as const) {
      if (!isObject(data[section])) continue;
      for (const { path, message } of twinSectionIssues(section, data[section])) fault([path], message);
    }
  }
  if (!parsed.success || faults.length > 0) throw FleetError.of('order-invalid', 'The order', faults);
  const { devices, range: serials, onConflict, ...rest } = parsed.data;
  const common = { ...rest, ...(onConflict === undefined ? {} : { onConflict }) };
  if (devices !== undefined) return { ...common, devices };
  if (serials === undefined)
    throw FleetError.of('order-invalid', 'The order', [
      { path: '(order)', message: 'needs either "devices" or "range"' },
    ]);
  const order = { ...common, range: serials };
  const bytes = serials.count * Buffer.byteLength(rows(order).next().value ?? '');
  if (bytes > maxOrderRowsBytes) {
    fault(['range', 'count'], `${bytes} bytes of rows where an order makes at most ${maxOrderRowsBytes}`);
    throw FleetError.of('order-invalid', 'The order', faults);
  }
  return order;
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
  // All that differs between the rows of a range is the id, which needs no escaping.
  const rest = JSON.stringify({ enrollmentGroup, ...shared }).slice(1);
  for (let index = 0; index < order.range.count; index += 1) {
    yield `{"deviceId":"${serialId(order.range, index)}",${rest}\n`;
  }
}

function serialId({ prefix, start, width }: z.output<typeof range>, index: number): string {
  return prefix + String(start + index).padStart(width, '0');
}
