/**
 * The one error type of this project and its closed list of codes.
 *
 * A code says what went wrong, its hint what to do next, its status what HTTP answers, and `retry` whether delivering the
 * same queue message again can help. Anything that is not a FleetError is unknown: its inside is logged, never shown.
 */

interface ErrorDefinition {
  /** HTTP status when the error reaches a caller (RFC 9110). */
  readonly status: number;
  /** What the person who reads it does next. */
  readonly hint: string;
  /** True when the same work may succeed later without anybody changing anything. */
  readonly retry?: boolean;
}

const definitions = {
  // A manifest as a whole.
  'manifest-empty': { status: 422, hint: 'Send a header row and at least one device row.' },
  'manifest-not-text': {
    status: 422,
    hint: 'Save the list as UTF-8 text: CSV or NDJSON, not a spreadsheet or an archive.',
  },
  'manifest-encoding': { status: 422, hint: 'Save the file as UTF-8 (with or without BOM) and send it again.' },
  'manifest-header': {
    status: 422,
    hint: 'The first row names the columns: deviceId, enrollmentGroup, csr, tags.<path>, desired.<path>.',
  },
  'manifest-quote': {
    status: 422,
    hint: 'A quoted field opens and never closes; close it with " and send the file again.',
  },
  'manifest-row-too-long': {
    status: 422,
    hint: 'One record exceeds the row limit; a missing line break or closing quote is the usual cause.',
  },
  'manifest-format': {
    status: 415,
    hint: 'Name the file .csv, .ndjson or .jsonl, or send text/csv or application/x-ndjson.',
  },
  'manifest-too-large': {
    status: 413,
    hint: 'Split the list, or upload it to the manifests container, which takes any size.',
  },
  'manifest-gone': {
    status: 410,
    hint: 'The manifest was deleted or replaced while it was worked on; upload it again.',
  },

  // One row of it.
  'row-syntax': { status: 422, hint: 'Mend the row as its message says and send it again.' },
  'row-columns': {
    status: 422,
    hint: 'Give the row as many fields as the header has; quote a field that holds the delimiter.',
  },
  'device-id-invalid': {
    status: 422,
    hint: 'Use 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit.',
  },
  'device-id-duplicate': { status: 422, hint: 'Each device stands once in a manifest; remove the second row.' },
  'device-exists': {
    status: 409,
    hint: 'The device exists with other content. Send the row as it was, or the manifest with onConflict=replace.',
  },
  'device-busy': {
    status: 409,
    hint: 'Another job is provisioning this device; wait for it, then send the row again.',
    retry: true,
  },
  'group-missing': {
    status: 422,
    hint: 'Name an enrollment group: a column enrollmentGroup, or the folder manifests/<group>/.',
  },
  'group-unknown': { status: 422, hint: 'Declare the group first: PUT /api/enrollment-groups/{id}.' },
  'twin-invalid': {
    status: 422,
    hint: 'Keep to the twin limits of IoT Hub: tags 8 KB, desired 32 KB, depth 10, no ".", "$" or space in keys.',
  },
  'value-type': { status: 422, hint: 'Make the value fit the type that the column header names.' },
  'csr-missing': {
    status: 422,
    hint: 'The group keeps keys on the device: every row needs a certificate signing request.',
  },
  'csr-unexpected': { status: 422, hint: 'Leave csr empty, or declare the group with keyCustody "device".' },
  'csr-invalid': { status: 422, hint: 'Give a PKCS#10 request as PEM or base64 DER, signed by the key it names.' },
  'certificate-rule': {
    status: 422,
    hint: 'The certificate would break the rule named; change the group or its issuing CA.',
  },
  'chunk-superseded': {
    status: 409,
    hint: 'Another delivery of this chunk was committed without the row; send the row again.',
    retry: true,
  },
  'enrollment-refused': { status: 422, hint: 'DPS refused the individual enrollment; its answer is in the message.' },
  'gave-up': { status: 500, hint: 'The chunk failed each time it was delivered; see the reason, then retry the job.' },

  // Groups, orders, requests.
  'group-invalid': { status: 422, hint: 'Mend every fault listed and declare the group again.' },
  'ca-invalid': {
    status: 422,
    hint: 'Mend every fault listed and give the CA again; docs/certificates.md has an example.',
  },
  'ca-refused': { status: 422, hint: 'DPS refused the CA certificate; its answer is in the message.' },
  'ca-missing': {
    status: 409,
    hint: 'The issuing CA is signed elsewhere: npm run ca -- csr GROUP, have it signed, then npm run ca -- import GROUP.',
  },
  'ca-unregistered': {
    status: 409,
    hint: 'An operator shows it to DPS: npm run ca -- register, with the name of the group for an issuing CA.',
  },
  'ca-key-unusable': {
    status: 500,
    hint: 'An operator sees to the CA key (docs/certificates.md, "When a CA key is gone"), then retries the job.',
  },
  'group-refused': { status: 422, hint: 'DPS refused the enrollment group; its answer is in the message.' },
  'order-invalid': { status: 422, hint: 'Mend the order as the message says and send it again under its own orderId.' },
  'order-conflict': {
    status: 409,
    hint: 'This orderId was used with other content; send the new content under a new orderId.',
  },
  'event-invalid': {
    status: 422,
    hint: 'The queue takes Microsoft.Storage.BlobCreated events, one JSON object a message.',
  },
  'message-invalid': {
    status: 422,
    hint: 'Send JSON: orders to the queue orders; the other queues carry messages of this app only. Redrive or delete this one.',
  },
  'request-invalid': { status: 400, hint: 'Correct the request as the message says.' },
  'not-found': {
    status: 404,
    hint: 'Check the id; lists are at GET /api/jobs, /api/devices and /api/enrollment-groups.',
  },
  'method-conflict': { status: 409, hint: 'Read the resource again and repeat the request on what it is now.' },
  'bundle-unavailable': { status: 404, hint: 'The device has no bundle yet; see its status.' },
  'bundle-invalid': {
    status: 500,
    hint: 'The bundle would not have worked and was not handed out; tell the operator, then send the row again.',
  },
  'archive-damaged': {
    status: 500,
    hint: 'Restore the archive in the bundles container, or send the rows with onConflict=reissue; a retry of the job issues its failed rows anew.',
  },
  unauthorized: { status: 401, hint: 'Send a function key in x-functions-key, or sign in.' },
  forbidden: { status: 403, hint: 'Ask for the role that this request needs.' },

  // Deployment and the services behind us.
  'setting-invalid': { status: 500, hint: 'Correct the settings named; docs/settings.md lists what each expects.' },
  'custody-not-allowed': {
    status: 422,
    hint: 'This deployment does not allow the key custody; use "device" or "sealed".',
  },
  throttled: {
    status: 503,
    hint: 'A service behind us asks to wait; the work goes on by itself after the time given.',
    retry: true,
  },
  unavailable: {
    status: 503,
    hint: 'A service behind us did not answer; the work is tried again by itself.',
    retry: true,
  },
  'concurrent-change': {
    status: 409,
    hint: 'Someone else changed it meanwhile; read it again and repeat.',
    retry: true,
  },
  internal: { status: 500, hint: 'Tell the operator the trace id; the log has the cause.', retry: true },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof definitions;

/** Every code, in the order above. */
export const errorCodes = Object.keys(definitions) as readonly ErrorCode[];

/** Where and how something differs from what was expected. All parts are safe to show. */
export interface ErrorDetails {
  /** Manifest line, 1-based; the header is line 1. */
  readonly line?: number;
  /** Column name, JSON path or field name. */
  readonly column?: string;
  /** What would have been right. */
  readonly expected?: string;
  /** What was found, cut to a readable length. Never a key. */
  readonly value?: string;
  /** Seconds to wait before trying again, from Retry-After. */
  readonly retryAfter?: number;
  /** Every fault, where one check finds several. */
  readonly faults?: readonly Issue[];
}

/** One fault among several found by one check. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

export class FleetError extends Error {
  override readonly name = 'FleetError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, particulars: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = particulars;
  }

  get status(): number {
    return definitions[this.code].status;
  }

  get hint(): string {
    return definitions[this.code].hint;
  }

  /** True when the same work may succeed later without anybody changing anything. */
  get retry(): boolean {
    const meaning: ErrorDefinition = definitions[this.code];
    return meaning.retry === true;
  }
}

/** The error itself if it is ours, else `internal` with the cause attached and none of its text. */
export function asFleetError(error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  return new FleetError('internal', 'Something unexpected happened.', {}, { cause: error });
}

/** Cuts a value found in input to what a report or a message can carry (120 characters). */
export function excerpt(value: string): string {
  return value.length > 120 ? `${value.slice(0, 117)}...` : value;
}
