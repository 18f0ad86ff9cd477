/**
 * The one error type of this project and its closed list of codes.
 *
 * A code says what went wrong. Each code has a status (what HTTP answers), a hint (what to do next) and `acts`: who has to
 * act before the same work can succeed. Everything that is done about a failure follows from `acts`:
 *
 * | acts | a row with it is counted as | retry of the job | its queue message |
 * | --- | --- | --- | --- |
 * | `sender` | rejected | leaves it out | goes to the poison queue |
 * | `operator` | failed | takes it up | goes to the poison queue |
 * | `nobody` | failed | takes it up | is delivered again |
 *
 * An error that is not a FleetError is unknown: its text is logged and never shown (`asFleetError`).
 */

/** Who has to act: the sender of the row or request, an operator, or nobody, since trying again can help. */
export type Actor = 'sender' | 'operator' | 'nobody';

interface ErrorDefinition {
  readonly acts: Actor;
  /** HTTP status when the error reaches a caller (RFC 9110). */
  readonly status: number;
  /** Next step for the person who reads the error, in the imperative. */
  readonly hint: string;
}

const definitions = {
  // A manifest as a whole.
  'manifest-empty': { acts: 'sender', status: 422, hint: 'Send a header and at least one row.' },
  'manifest-not-text': {
    acts: 'sender',
    status: 422,
    hint: 'Save the list as UTF-8 text, CSV or NDJSON, or as a workbook that is named .xlsx.',
  },
  'manifest-encoding': { acts: 'sender', status: 422, hint: 'Save the file as UTF-8.' },
  'manifest-header': {
    acts: 'sender',
    status: 422,
    hint: 'Use the columns deviceId, enrollmentGroup, csr, tags.<path> and desired.<path>.',
  },
  'manifest-quote': { acts: 'sender', status: 422, hint: 'Close the quoted field with ".' },
  'manifest-row-too-long': {
    acts: 'sender',
    status: 422,
    hint: 'Look for a missing line break or closing quote near this row; a row may have 1 MiB.',
  },
  'manifest-format': {
    acts: 'sender',
    status: 415,
    hint: 'Name the file .csv, .xlsx, .ndjson or .jsonl, or send text/csv, application/x-ndjson or the media type of .xlsx.',
  },
  'manifest-workbook': {
    acts: 'sender',
    status: 422,
    hint: 'Save the list as "Excel Workbook (.xlsx)" without macros, links and password, or as CSV UTF-8.',
  },
  'manifest-metadata': {
    acts: 'sender',
    status: 422,
    hint: 'Correct the metadata of the blob as described, then upload the manifest again.',
  },
  'manifest-too-large': {
    acts: 'sender',
    status: 413,
    hint: 'Split the list, or upload it to blob storage (POST /api/uploads), which takes any size.',
  },
  'manifest-gone': {
    acts: 'sender',
    status: 410,
    hint: 'Upload the manifest again; it was deleted, or it was replaced before its job began.',
  },

  'check-changed': {
    acts: 'sender',
    status: 412,
    hint: 'Check the list again, and submit it with the digest of the new check.',
  },

  'report-missing': {
    acts: 'sender',
    status: 410,
    hint: 'Restore the report in the container reports, or send the manifest again; provisioned rows stay unchanged.',
  },

  // One row of it.
  'row-syntax': { acts: 'sender', status: 422, hint: 'Fix the row as described.' },
  'row-columns': {
    acts: 'sender',
    status: 422,
    hint: 'Give the row as many fields as the header; quote a field that contains the delimiter.',
  },
  'device-id-invalid': {
    acts: 'sender',
    status: 422,
    hint: 'Use 1 to 64 of a-z, 0-9, "-", "." and "_", with a letter or digit first and last.',
  },
  'device-id-duplicate': { acts: 'sender', status: 422, hint: 'Remove one of the rows.' },
  'device-exists': {
    acts: 'sender',
    status: 409,
    hint: 'Send the earlier content, or send the manifest with onConflict=replace.',
  },
  'device-busy': {
    acts: 'nobody',
    status: 409,
    hint: 'Wait for the other job, then send the row again.',
  },
  'device-suspended': {
    acts: 'operator',
    status: 409,
    hint: 'Restore the device (POST /api/devices/{id}/restore), then retry the job or repeat the request.',
  },
  'device-revoked': {
    acts: 'sender',
    status: 409,
    hint: 'Give the device another id: a device that was revoked or scrapped needs a new identity.',
  },
  'group-missing': {
    acts: 'sender',
    status: 422,
    hint: 'Fill the column enrollmentGroup, or upload to the folder manifests/<group>/.',
  },
  'group-unknown': { acts: 'sender', status: 422, hint: 'Declare the group: PUT /api/enrollment-groups/{id}.' },
  'twin-invalid': {
    acts: 'sender',
    status: 422,
    hint: 'Keep to the limits of IoT Hub: tags 8 KB, desired 32 KB, depth 10, no ".", "$" or space in keys.',
  },
  'value-type': { acts: 'sender', status: 422, hint: 'Give a value of the type that the header names.' },
  'csr-missing': {
    acts: 'sender',
    status: 422,
    hint: 'Give a certificate signing request in every row of this group.',
  },
  'csr-unexpected': {
    acts: 'sender',
    status: 422,
    hint: 'Leave csr empty, or declare the group with keyCustody "device".',
  },
  'csr-invalid': {
    acts: 'sender',
    status: 422,
    hint: 'Give a PKCS#10 request as PEM or base64 DER, signed by its own key, with a different key per device.',
  },
  'certificate-rule': {
    acts: 'operator',
    status: 422,
    hint: 'Change the group or its issuing CA as the rule requires, then retry the job.',
  },
  'chunk-superseded': { acts: 'nobody', status: 409, hint: 'Send the row again.' },
  'enrollment-refused': { acts: 'operator', status: 422, hint: 'Resolve what DPS says, then retry the job.' },
  'enrollment-exists': {
    acts: 'operator',
    status: 409,
    hint: 'Delete the enrollment in DPS, or replace it: retry the job with adopt=true.',
  },
  'gave-up': { acts: 'operator', status: 500, hint: 'Resolve the reason, then retry the job.' },

  // Groups, orders, requests.
  'renewal-refused': {
    acts: 'sender',
    status: 403,
    hint: 'Resolve what the reason names. If the device has no good certificate, issue it again and install the new bundle.',
  },
  'renewal-too-often': {
    acts: 'sender',
    status: 429,
    hint: 'Find out why the device asks again: its log names the error. It can ask again later.',
  },
  'group-invalid': { acts: 'operator', status: 422, hint: 'Fix every fault and declare the group again.' },
  'ca-invalid': {
    acts: 'operator',
    status: 422,
    hint: 'Fix every fault and give the CA again (docs/certificates.md, "Your own CA").',
  },
  'ca-refused': { acts: 'operator', status: 422, hint: 'Resolve what DPS says, then register the CA again.' },
  'ca-missing': {
    acts: 'operator',
    status: 409,
    hint: 'Run fleet ca csr GROUP, have the CA signed, run fleet ca import GROUP, then retry the job.',
  },
  'ca-removed': { acts: 'operator', status: 409, hint: 'Retry the job: its rows are issued by the current CA then.' },
  'ca-unregistered': { acts: 'operator', status: 409, hint: 'Run fleet ca register [GROUP], then retry the job.' },
  'ca-key-unusable': {
    acts: 'operator',
    status: 500,
    hint: 'Restore the CA key (docs/certificates.md, "When a CA key is gone"), then retry the job.',
  },
  'group-refused': { acts: 'operator', status: 422, hint: 'Resolve what DPS says, then retry the job.' },
  'group-exists': {
    acts: 'operator',
    status: 409,
    hint: 'Delete the enrollment group in DPS, or take it over: declare the group with adopt=true. Then retry the job.',
  },
  'order-invalid': { acts: 'sender', status: 422, hint: 'Fix the order and send it again under the same orderId.' },
  'order-conflict': { acts: 'sender', status: 409, hint: 'Send the new content under a new orderId.' },
  'event-invalid': {
    acts: 'sender',
    status: 422,
    hint: 'Send Microsoft.Storage.BlobCreated events to this queue, one JSON object per message.',
  },
  'message-invalid': {
    acts: 'operator',
    status: 422,
    hint: 'Send only orders, as JSON, and only to the queue orders. Redrive or delete this message.',
  },
  'request-invalid': { acts: 'sender', status: 400, hint: 'Correct the request as described.' },
  'idempotency-key-reused': {
    acts: 'sender',
    status: 422,
    hint: 'Use one key per request; send another request with a new key.',
  },
  'request-too-large': { acts: 'sender', status: 413, hint: 'Send a smaller body; docs/host.md lists the limits.' },
  'not-found': {
    acts: 'sender',
    status: 404,
    hint: 'Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists.',
  },
  'method-conflict': { acts: 'sender', status: 409, hint: 'Read the resource again and decide by its present state.' },
  'rollover-gated': {
    acts: 'sender',
    status: 409,
    hint: 'Look at GET /api/enrollment-groups/{id}/rollover and wait until the gate is open, or send the number of devices in force.devicesLockedOut.',
  },
  'precondition-failed': {
    acts: 'sender',
    status: 412,
    hint: 'Read the resource again, decide by its present state, and send its new ETag in If-Match.',
  },
  'bundle-unavailable': {
    acts: 'sender',
    status: 404,
    hint: 'Look at the status of the device: it has a bundle once it is provisioned.',
  },
  'bundle-gone': {
    acts: 'sender',
    status: 410,
    hint: 'Send the row of the device again with onConflict=reissue; that makes a new certificate and a new bundle.',
  },
  'bundle-invalid': { acts: 'operator', status: 500, hint: 'Report this to the operator, then retry the job.' },
  'archive-damaged': {
    acts: 'operator',
    status: 500,
    hint: 'Restore the archive in the container bundles, or send the rows with onConflict=reissue. Retry the job for its failed rows.',
  },
  'audit-damaged': {
    acts: 'operator',
    status: 500,
    hint: 'Run fleet audit verify, which says where. Entries wait in the intake until the containers audit and audit-head are as they were.',
  },
  unauthorized: { acts: 'sender', status: 401, hint: 'Send a function key in x-functions-key, or sign in.' },
  forbidden: {
    acts: 'sender',
    status: 403,
    hint: 'Ask for the role that the message names, and for the enrollment group if it names one.',
  },
  'other-site': {
    acts: 'sender',
    status: 403,
    hint: 'Use the console of this app, or send a token or function key and no cookie.',
  },

  // Deployment and the services behind us.
  'setting-invalid': { acts: 'operator', status: 500, hint: 'Correct the settings named (docs/settings.md).' },
  'custody-not-allowed': {
    acts: 'operator',
    status: 422,
    hint: 'Use key custody "device" or "sealed", or set ALLOW_PLAIN_KEYS.',
  },
  throttled: { acts: 'nobody', status: 503, hint: 'Wait: the work is tried again when the service allows it.' },
  unavailable: {
    acts: 'nobody',
    status: 503,
    hint: 'Wait: the work is tried again. If this lasts, look at GET /api/health.',
  },
  'concurrent-change': { acts: 'nobody', status: 409, hint: 'Read the resource again and repeat the request.' },
  internal: { acts: 'nobody', status: 500, hint: 'Report the trace id to the operator; the log has the cause.' },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof definitions;

/** Every code, in the order above. */
export const errorCodes = Object.keys(definitions) as readonly ErrorCode[];

/** Where and how something differs from what was expected. All of it is safe to show. */
export interface ErrorDetails {
  /** Manifest line, 1-based; the header is line 1. */
  readonly line?: number;
  /** Column name, JSON path or field name. */
  readonly column?: string;
  readonly expected?: string;
  /** The value found, cut to a readable length (`excerpt`). Never a key. */
  readonly value?: string;
  /** Seconds to wait before trying again, from Retry-After. */
  readonly retryAfter?: number;
  /** All issues, where one check finds several; `maxIssues` at most. */
  readonly faults?: readonly Issue[];
}

/** One of several things that one check finds wrong. */
export interface Issue {
  /** Where: a JSON path, a column, a setting. */
  readonly path: string;
  readonly message: string;
}

/** Why a job failed or a message could not be worked on, as it is stored and shown. */
export interface FailureReason {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** Issues that one error lists. A body of 100 MB, the most that the Functions host takes, can hold millions. */
const maxIssues = 20;

/**
 * @example
 * throw new FleetError('not-found', `There is no job "${jobId}".`);
 * throw new FleetError('unavailable', 'Cosmos DB did not answer.', { retryAfter: 5, cause: error });
 */
export class FleetError extends Error {
  override readonly name = 'FleetError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  /** @param details what to show, and the `cause`, which is logged and never shown */
  constructor(code: ErrorCode, message: string, { cause, ...details }: ErrorDetails & ErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  /**
   * The error of a check that finds several things wrong. Lists the first `maxIssues` of them.
   * @param subject what was checked, as the beginning of a sentence
   * @param details what else to show
   * @example
   * FleetError.of('order-invalid', 'The order', [{ path: 'orderId', message: 'is missing' }]).message
   * // 'The order has 1 fault: orderId: is missing'
   */
  static of(code: ErrorCode, subject: string, all: readonly Issue[], details: ErrorDetails = {}): FleetError {
    const faults = all.slice(0, maxIssues);
    const count = all.length === 1 ? '1 fault' : `${all.length} faults`;
    const cut = all.length > faults.length ? `, the first ${faults.length}` : '';
    const list = faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
    return new FleetError(code, `${subject} has ${count}${cut}: ${list}`, { ...details, faults });
  }

  get status(): number {
    return definitions[this.code].status;
  }

  get hint(): string {
    return definitions[this.code].hint;
  }

  /** Code, message and hint, as jobs and dead letters keep them. */
  get reason(): FailureReason {
    return { code: this.code, message: this.message, hint: this.hint };
  }

  get acts(): Actor {
    return definitions[this.code].acts;
  }

  /** True when the same work can succeed by trying again: its queue message is delivered again. */
  get retry(): boolean {
    return this.acts === 'nobody';
  }
}

/**
 * Whether a row that met the error counts as `failed` and a retry of its job takes it up. A row that only its sender can
 * correct counts as `rejected`.
 */
export function isRetriable(code: ErrorCode): boolean {
  return definitions[code].acts !== 'sender';
}

/** The error itself if it is a FleetError, else `internal` with the cause attached and none of its text. */
export function asFleetError(error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  return new FleetError('internal', 'An unexpected error occurred.', { cause: error });
}

/** The result of `work`, or the FleetError that it throws. Any other error is thrown. */
export async function orFleetError<T>(work: () => Promise<T>): Promise<T | FleetError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
}

/** Cuts a value found in input to what a report or a message can carry (120 characters). */
export function excerpt(value: string): string {
  return value.length > 120 ? `${value.slice(0, 117)}...` : value;
}
