import type { X509Certificate } from 'node:crypto';

export type RequestedKind = 'identity' | 'est-id';

/** A request that a device has sent at least once. */
export interface SentRequest {
  readonly deviceId: string;
  readonly kind: RequestedKind;
  /** SHA-256 of its public key, hex. */
  readonly key: string;
  /** How often it was sent. */
  readonly times: number;
  /** Certificates that answered it, by SHA-256 thumbprint: one at most. */
  readonly answers: ReadonlyMap<string, X509Certificate>;
}

/** Everything that the devices asked the EST server for, and what it gave them. */
export interface RequestBook {
  sent(deviceId: string, kind: RequestedKind, key: string): void;
  answered(key: string, certificate: X509Certificate): void;
  /** @param status of an answer that is not 200; undefined for no answer */
  refused(status: number | undefined): void;
  readonly requests: ReadonlyMap<string, SentRequest>;
  /** Refused and unanswered requests, by status. */
  readonly counts: Readonly<Record<string, number>>;
}

export function createRequestBook(): RequestBook {
  const requests = new Map<string, SentRequest & { times: number; answers: Map<string, X509Certificate> }>();
  const counts: Record<string, number> = {};
  return {
    requests,
    counts,
    sent(deviceId, kind, key) {
      const request = requests.get(key) ?? { deviceId, kind, key, times: 0, answers: new Map() };
      requests.set(key, request);
      request.times += 1;
    },
    answered(key, certificate) {
      requests.get(key)?.answers.set(certificate.fingerprint256, certificate);
    },
    refused(status) {
      const name = `est.${status ?? 'broken'}`;
      counts[name] = (counts[name] ?? 0) + 1;
    },
  };
}
