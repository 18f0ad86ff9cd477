/* Documents of Cosmos DB, as the ledger reads them. */

interface Claim {
  readonly jobId: string;
  readonly line: number;
  readonly attempt: number;
}

export interface DeviceDocument {
  readonly id: string;
  readonly status: string;
  readonly enrollmentGroup: string;
  readonly claim: Claim;
  readonly serialNumber: string;
  readonly identity?: { readonly sha256Thumbprint: string };
  readonly bundle?: { readonly archive: string; readonly offset: number; readonly length: number };
  readonly certificates?: readonly {
    readonly serialNumber: string;
    readonly sha256Thumbprint: string;
    readonly kind: string;
    readonly state: string;
    /** The request to the EST server that it answers. */
    readonly request?: { readonly at: string };
    readonly confirmedAt?: string;
  }[];
  readonly unconfirmedSince?: string;
  /** Serial numbers and thumbprints, lower-case hex. */
  readonly formerCertificateNames?: readonly string[];
  readonly failedReissue?: { readonly heldBy: Claim };
  readonly block?: {
    readonly kind: string;
    readonly doors: Readonly<Record<string, string>>;
    readonly undo?: object;
    readonly lookAgainAt?: string;
  };
}

export interface GroupDocument {
  readonly id: string;
  readonly definition?: { readonly enrollment: string };
  readonly issuingCas?: readonly { readonly certificatePem: string }[];
  /** Only in the document `_root`. */
  readonly certificatePem?: string;
}

export const isLive = ({ status }: DeviceDocument) => status === 'provisioned' || status === 'assigned';

/** Whether the access of the device has ended, and every door was read back. */
export const isBlocked = ({ status }: DeviceDocument) => ['suspended', 'revoked', 'scrapped'].includes(status);

/** Whether the present identity is one that the device got from the EST server. */
export const isRenewed = ({ serialNumber, certificates = [] }: DeviceDocument) =>
  certificates.some((each) => each.serialNumber === serialNumber && each.request !== undefined);

/** The row that gave the device what it has: a row that failed to issue it again did not. */
export const holderOf = ({ claim, failedReissue }: DeviceDocument) => failedReissue?.heldBy ?? claim;

/** Every certificate that the record names, by serial number: its present one, its list, and names of unused ones. */
export function serialsOf(device: DeviceDocument): Set<string> {
  const { serialNumber, certificates = [], formerCertificateNames = [] } = device;
  return new Set([serialNumber, ...certificates.map((each) => each.serialNumber), ...formerCertificateNames]);
}
