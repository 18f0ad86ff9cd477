import type { Audit } from '../audit/audit.ts';
import type { DelegatedCaStore } from '../authorities/delegated-ca.ts';
import type { DelegatedCas } from '../authorities/delegated-cas.ts';
import type { DeviceStore } from '../devices/device.ts';
import type { Enrollments, HubTwins } from '../enrollment/enrollments.ts';
import type { Groups } from '../enrollment/groups.ts';
import type { HubIdentities } from '../enrollment/hub-identities.ts';
import type { FindingStore } from '../findings/finding.ts';
import type { DeadLetterStore } from '../jobs/dead-letters.ts';
import type { Deployment } from '../jobs/estimate.ts';
import type { FleetActStore } from '../jobs/fleet-act.ts';
import type { JobStore } from '../jobs/job.ts';
import type { BlockMessage, ChunkMessage, EnrollmentMessage } from '../jobs/messages.ts';
import type { Outbox } from '../outbox.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import type { PoisonQueueName, QueueName } from '../resource-names.ts';
import type { RetryOptions } from '../retry.ts';
import type { BlobStore, MessageQueue } from '../storage.ts';
import type { CheckList } from './checked-list.ts';
import type { OpenIssuance } from './issuance.ts';
import type { Overview } from './overview.ts';

/**
 * Everything that the pipeline reads, writes and waits for. A use case names what it takes: `Pick<Ports, 'jobs' | 'now'>`.
 * functions/services.ts builds them on Azure; test/world.ts builds them in memory.
 */
export interface Ports {
  readonly jobs: JobStore;
  readonly devices: DeviceStore;
  readonly fleetActs: FleetActStore;
  readonly groups: Groups;
  readonly deadLetters: DeadLetterStore;
  readonly findings: FindingStore;
  readonly overview: Overview;
  /** Container `manifests`. */
  readonly manifests: BlobStore;
  /** Container `bundles`: one archive per part of a job. */
  readonly bundles: BlobStore;
  /** Container `reports`: one report per part of a job. */
  readonly reports: BlobStore;
  readonly chunkQueue: MessageQueue<ChunkMessage>;
  readonly enrollmentQueue: MessageQueue<EnrollmentMessage>;
  readonly blockQueue: MessageQueue<BlockMessage>;
  /** Any queue of this app, for messages that are passed on as they came. */
  readonly queue: (name: QueueName | PoisonQueueName) => MessageQueue<unknown>;
  /** Events that stored facts owe to the outside. */
  readonly outbox: Outbox;
  /** Whether each device that DPS assigns is announced. It costs a write per device. */
  readonly announceAssigned: boolean;
  /** All DPS instances as one. Each call waits for its part of the quota of its instance. */
  readonly enrollments: Enrollments;
  readonly twins: HubTwins;
  readonly identities: HubIdentities;
  /** Where acts are written down: the intent before the effect, the result after it. */
  readonly audit: Audit;
  readonly openIssuance: OpenIssuance;
  /** Records of the CAs that workers make for themselves. */
  readonly delegatedCas: DelegatedCaStore;
  /** Drops the key of one that this process has. */
  readonly endDelegatedCa: DelegatedCas['end'];
  /** Checks a list that is in memory. It sees all groups; the limits of a caller are part of the list. */
  readonly checkList: CheckList;
  /** What this deployment allows and uses, for estimates. */
  readonly deployment: Deployment;
  /** Operations per minute on the identity registry of a hub, of what the hub allows. */
  readonly registryRateLimiter: RateLimiter;
  /** What it allows. */
  readonly registryOperationsPerMinute: number;
  /** How long throttled calls to DPS are repeated. */
  readonly retry: RetryOptions;
  /** Rows per chunk of a new job. */
  readonly chunkRows: number;
  /** Days after which a rule of the storage account deletes bundles; absent where there is no such rule. */
  readonly bundleRetentionDays?: number | undefined;
  /** The enrollment groups that the caller may use, when they are limited. Absent: all groups. */
  readonly allowedGroups?: readonly string[];
  readonly now: () => Date;
  /** A name that is used once, for a new blob. */
  readonly newId: () => string;
  /** 0 to 1, evenly. */
  readonly random: () => number;
}
