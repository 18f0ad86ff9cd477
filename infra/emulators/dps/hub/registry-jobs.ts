import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Settings } from '../options.ts';
import { timestamp } from '../record-metadata.ts';
import type { Store } from '../store.ts';
import { createHubView, type DeviceRegistry, type HubView } from './device-registry.ts';
import { hubError } from './hub-error.ts';
import { type JobContainer, openJobContainer } from './job-container.ts';
import { isFinished, type JobRequest, type RegistryJob, showExported } from './registry-job.ts';
import { type ApplyLine, type LineError, lineErrorOf, readLine } from './registry-line.ts';

export interface RegistryJobs {
  /** @throws ServiceError 400 BlobContainerValidationError, 403 JobQuotaExceeded */
  create(view: HubView, request: JobRequest): Promise<RegistryJob>;
  /** @throws ServiceError 404 JobNotFound */
  get(view: HubView, jobId: string): RegistryJob;
  /** The newest last. */
  list(view: HubView): readonly RegistryJob[];
  /** @throws ServiceError 404 JobNotFound */
  cancel(view: HubView, jobId: string): RegistryJob;
  /** Continues the jobs that an earlier process did not finish. */
  resume(): void;
  /** Stops the running jobs. The next process continues them. */
  close(): Promise<void>;
}

export interface RegistryJobParts {
  readonly store: Store;
  readonly registry: DeviceRegistry;
  readonly applyLine: ApplyLine;
  readonly newId: () => string;
  readonly settings: Pick<Settings, 'now' | 'storageConnectionString'>;
}

/** Lines or devices between two writes of the progress. */
const batchSize = 100;
/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling#other-limits: "Job history is retained up to 30 days". */
const keptMs = 30 * 24 * 3_600_000;

/**
 * Runs import and export jobs, one at a time per hub. The details that Microsoft does not document were measured on a live hub:
 * https://github.com/mwalser/terraform-provider-iothub/blob/main/CONCEPT.md, appendix D, "Import/export jobs".
 *
 * The lines of an import and the position in its input are written together, so
 * a job that is cut continues without doing a line twice.
 */
export function createRegistryJobs({ store, registry, applyLine, newId, settings }: RegistryJobParts): RegistryJobs {
  const { now, storageConnectionString } = settings;
  const jobs = store.collection<RegistryJob>('hub-job');
  const lineErrors = store.collection<LineError>('hub-job-error');
  const running = new Map<string, { readonly stop: AbortController; readonly work: Promise<void> }>();

  const open = (uri: string, { identityBased }: JobRequest) =>
    openJobContainer({ uri, identityBased, storageConnectionString });

  function save(job: RegistryJob): RegistryJob {
    jobs.put(job.jobId, job);
    return job;
  }

  function existing({ hubs }: HubView, jobId: string): RegistryJob {
    const job = jobs.get(jobId);
    if (!job?.hubs.some((hub) => hubs.includes(hub))) throw hubError('JobNotFound', `Job ${jobId} not found`);
    return job;
  }

  function list({ hubs }: Pick<HubView, 'hubs'>): readonly RegistryJob[] {
    return jobs.page().values.filter((job) => job.hubs.some((hub) => hubs.includes(hub)));
  }

  function start(job: RegistryJob): void {
    const stop = new AbortController();
    const work = run(job, stop.signal)
      .catch((error: Error) => finish(job.jobId, { status: 'failed', failureReason: error.message }, stop.signal))
      .finally(() => running.delete(job.jobId));
    running.set(job.jobId, { stop, work });
  }

  async function run(job: RegistryJob, signal: AbortSignal): Promise<void> {
    save({ ...job, status: 'running' });
    if (job.type === 'export') await runExport(job, signal);
    else await runImport(job, signal);
    finish(job.jobId, { status: 'completed', progress: 100 }, signal);
  }

  /** Records the end of a job, unless it was cancelled or this process stops. */
  function finish(jobId: string, end: Partial<RegistryJob>, signal: AbortSignal): void {
    if (signal.aborted) return;
    store.transaction(() => {
      const job = jobs.get(jobId);
      if (job) save({ ...job, ...end, endTimeUtc: timestamp(now()) });
      lineErrors.deleteChildren(jobId);
    });
  }

  async function runExport(job: RegistryJob, signal: AbortSignal): Promise<void> {
    await open(job.outputUri, job).write(job.outputBlobName, exportedLines(job), signal);
  }

  async function* exportedLines(job: RegistryJob): AsyncGenerator<string> {
    // The first line is a warning, not JSON.
    if (job.excludeKeys) yield 'Warning: the keys of the devices are not in this file.';
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page = registry.page(job.hubs, { after, limit: batchSize });
      for (const device of page.values) yield JSON.stringify(showExported(device, job));
      after = page.next;
      await yieldToOthers();
    }
  }

  async function runImport(job: RegistryJob, signal: AbortSignal): Promise<void> {
    let batch: string[] = [];
    let position = 0;
    let progress = 0;
    for await (const line of open(job.inputUri, job).lines(job.inputBlobName, signal)) {
      position += 1;
      progress = line.progress;
      if (position <= job.linesDone) continue;
      batch.push(line.text);
      if (batch.length < batchSize) continue;
      importBatch(job, batch, { position, progress });
      batch = [];
      await yieldToOthers();
      if (signal.aborted) return;
    }
    importBatch(job, batch, { position, progress });
    if (lineErrors.count(job.jobId) === 0) return;
    await open(job.outputUri, job).write('importErrors.log', errorLines(job), signal);
  }

  function* errorLines({ jobId }: RegistryJob): Generator<string> {
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page = lineErrors.page({ parent: jobId, after, limit: batchSize });
      for (const error of page.values) yield JSON.stringify(error);
      after = page.next;
    }
  }

  /** @param position number of the last line, from 1 */
  function importBatch(
    { jobId, hubs }: RegistryJob,
    lines: readonly string[],
    { position, progress }: { position: number; progress: number },
  ): void {
    const view = createHubView(registry, hubs);
    store.transaction(() => {
      for (const [index, line] of lines.entries()) {
        const error = line.trim() === '' ? undefined : errorOf(view, line);
        const key = `${jobId}:${position - lines.length + index}`;
        if (error) lineErrors.put(key, error, jobId);
      }
      const job = jobs.get(jobId);
      // A cancelled job keeps its status.
      if (job) save({ ...job, linesDone: position, progress: Math.min(99, Math.floor(progress * 100)) });
    });
  }

  function errorOf(view: HubView, text: string): LineError | undefined {
    let id = '';
    try {
      const line = readLine(parsed(text));
      id = line.id;
      // Required also in lines that delete, or that write a twin only.
      if (line['status'] === undefined || line['status'] === null)
        throw hubError('ArgumentInvalid', 'status is missing');
      applyLine(view, line, line.importMode ?? 'createOrUpdate');
      return undefined;
    } catch (error) {
      return lineErrorOf(id, error);
    }
  }

  return {
    async create(view, request) {
      checkQuota(list(view));
      await checkContainers(request, (uri) => open(uri, request));
      // Another job may have started in the meantime.
      checkQuota(list(view));
      forgetOldJobs();
      const job = save({
        ...request,
        jobId: newId(),
        hubs: view.hubs,
        status: 'enqueued',
        startTimeUtc: timestamp(now()),
        progress: 0,
        linesDone: 0,
      });
      start(job);
      return job;
    },
    get: existing,
    list,
    cancel(view, jobId) {
      const job = existing(view, jobId);
      if (isFinished(job)) return job;
      running.get(jobId)?.stop.abort();
      lineErrors.deleteChildren(jobId);
      return save({ ...job, status: 'cancelled', endTimeUtc: timestamp(now()) });
    },
    resume() {
      for (const job of jobs.page().values) if (!isFinished(job)) start(job);
    },
    async close() {
      for (const { stop } of running.values()) stop.abort();
      await Promise.all([...running.values()].map(({ work }) => work));
    },
  };

  function forgetOldJobs(): void {
    const oldest = now().getTime() - keptMs;
    for (const job of jobs.page().values) {
      if (isFinished(job) && new Date(job.startTimeUtc).getTime() < oldest) jobs.delete(job.jobId);
    }
  }
}

/** "It looks like only one job at a time can be running": https://github.com/Azure/azure-iot-sdk-csharp/issues/608 */
function checkQuota(jobs: readonly RegistryJob[]): void {
  if (jobs.some((job) => !isFinished(job))) throw hubError('JobQuotaExceeded', 'Job quota has been exceeded');
}

/** The service checks its access to the containers before it accepts a job. */
async function checkContainers(request: JobRequest, open: (uri: string) => JobContainer): Promise<void> {
  const refuse = (what: string) => (error: Error) => {
    throw hubError('BlobContainerValidationError', `${what} ${error.message.split('\n')[0]}`);
  };
  const attempt = async (work: () => Promise<void>) => work();
  if (request.type === 'import') {
    await attempt(() => open(request.inputUri).checkReadable(request.inputBlobName)).catch(
      refuse('Failed to read devices blob from input container.'),
    );
  }
  await attempt(() => open(request.outputUri).checkWritable()).catch(
    refuse('Unauthorized to write to output blob container.'),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw hubError('IotHubFormatError', 'The line is not valid JSON.');
  }
}
