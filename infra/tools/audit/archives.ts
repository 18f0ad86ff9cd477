import type { WorkAction } from '../../../lib/audit/actions.ts';
import { certificatesDigest, indexDigest, issueAction } from '../../../lib/audit/certificates.ts';
import type { AuditEntry } from '../../../lib/audit/entry.ts';
import type { AuditFinding } from '../../../lib/audit/verify.ts';
import { type ArchiveIndexEntry, readArchiveIndex } from '../../../lib/bundle/archive.ts';
import { asFleetError } from '../../../lib/errors.ts';
import type { Issued } from '../../../lib/pipeline/steps/issue.ts';
import type { BlobListing, BlobStore } from '../../../lib/storage.ts';

export interface ArchiveMatch {
  readonly archives: number;
  readonly certificates: number;
  /** Archives that are older than the first entry. No entry can name them. */
  readonly older: number;
  readonly findings: readonly AuditFinding[];
}

const dayMs = 24 * 60 * 60 * 1000;

function chunkOf({ jobId, chunk, attempt }: AuditEntry['subject']): string {
  return `${jobId} ${chunk} ${attempt}`;
}

interface NamedArchive {
  /** When it was issued: ISO 8601, UTC. */
  readonly at: string;
  /** Job, chunk and attempt. */
  readonly chunk: string;
  readonly certificatesSha256: unknown;
  readonly indexSha256: unknown;
}

/**
 * Matches every certificate in every archive with the entry of the chunk that it was issued in. The archive's index names the
 * certificates and has the SHA-256 of each bundle; the entry has digests of both.
 */
export class ArchiveMatcher {
  readonly #named = new Map<string, NamedArchive[]>();
  readonly #deleted = new Set<string>();
  /** Chunks that were given up. */
  readonly #abandoned = new Set<string>();
  #begin: string | undefined;

  /** Takes the entries of the log, in any order. */
  note({ action, phase, at, subject, details }: AuditEntry): void {
    if (this.#begin === undefined || at < this.#begin) this.#begin = at;
    // A deletion can be repeated after a crash that erased the bundle already, so its intent is enough.
    if (/^(delete|scrap)-/.test(action) && typeof subject['deviceId'] === 'string') {
      this.#deleted.add(subject['deviceId'].toLowerCase());
    }
    if (action === ('abandon-work' satisfies WorkAction) && details !== undefined)
      this.#abandoned.add(chunkOf(details));
    if (action !== issueAction || phase !== 'result' || typeof details?.['archive'] !== 'string') return;
    const { archive, certificatesSha256, indexSha256 } = details;
    const named = { at, chunk: chunkOf(subject), certificatesSha256, indexSha256 };
    this.#named.set(archive, [...(this.#named.get(archive) ?? []), named]);
  }

  /**
   * Finds archives that entries name and that are gone. The retention rule explains some, and a chunk that was given up after
   * its entry was written has none. A chunk of the last day can still be in work.
   * @param retentionDays days after which the rule deletes archives; absent where there is no rule
   */
  gone(
    listed: readonly BlobListing[],
    {
      retentionDays = Number.POSITIVE_INFINITY,
      now,
    }: { readonly retentionDays?: number | undefined; readonly now: Date },
  ): AuditFinding[] {
    const present = new Set(listed.map(({ name }) => name));
    const ageOf = ({ at }: NamedArchive) => (now.getTime() - Date.parse(at)) / dayMs;
    const isUnexplained = (each: NamedArchive) =>
      ageOf(each) > 1 && ageOf(each) < retentionDays && !this.#abandoned.has(each.chunk);
    return [...this.#named]
      .filter(([name, entries]) => !present.has(name) && entries.every(isUnexplained))
      .map(([name]) => ({ where: `bundles/${name}`, what: 'is gone, and an entry names its certificates' }));
  }

  /**
   * Reads the archives, one at a time.
   * @param listed the archives that were there before the entries were read. An entry is stored before its archive, so each
   * of them has one
   * @throws FleetError `throttled`, `unavailable`
   */
  async match(bundles: BlobStore, listed: readonly BlobListing[]): Promise<ArchiveMatch> {
    const findings: AuditFinding[] = [];
    let [archives, certificates, older] = [0, 0, 0];
    for (const { name, createdAt } of listed) {
      const archive = await bundles.read(name);
      if (archive === undefined) continue;
      archives += 1;
      try {
        const index = readArchiveIndex<Issued>(archive);
        certificates += index.length;
        if (!this.#named.has(name) && this.#begin !== undefined && createdAt < new Date(this.#begin)) older += 1;
        else findings.push(...this.#faults(name, archive, index));
      } catch (error) {
        findings.push({ where: `bundles/${name}`, what: asFleetError(error).message });
      } finally {
        // It holds private keys.
        archive.fill(0);
      }
    }
    return { archives, certificates, older, findings };
  }

  #faults(name: string, archive: Buffer, index: readonly ArchiveIndexEntry<Issued>[]): AuditFinding[] {
    const where = `bundles/${name}`;
    const named = this.#named.get(name);
    if (named === undefined) return [{ where, what: `no entry names its ${index.length} certificates` }];
    const digest = certificatesDigest(index.map(({ info }) => info));
    const matching = named.filter(({ certificatesSha256 }) => certificatesSha256 === digest);
    if (matching.length === 0) return [{ where, what: 'its certificates are not those that its entry names' }];
    if (matching.some(({ indexSha256 }) => indexSha256 === indexDigest(index))) return [];
    const erased = index.filter(({ offset, length }) =>
      archive.subarray(offset, offset + length).every((byte) => byte === 0),
    );
    if (erased.length === 0) return [{ where, what: 'its bundles are not those that its entry names' }];
    return erased
      .filter(({ info }) => !this.#deleted.has(info.deviceId))
      .map(({ info }) => ({
        where,
        what: `the bundle of ${info.deviceId} was erased, and no entry deletes the device`,
      }));
  }
}
