import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Api, GroupAnswer, JobAnswer } from './api.ts';
import { readBundle, unpackBundle } from './bundle-files.ts';

export interface DemoResult {
  readonly api: Api;
  readonly jobs: readonly JobAnswer[];
  readonly group: GroupAnswer;
  readonly bundles: readonly [string, Buffer][];
}

/** Writes the result of the demo to a folder: reports of the manifest's job, unpacked bundles, CA certificates. */
export async function writeResult(out: string, { api, jobs, group, bundles }: DemoResult): Promise<void> {
  await mkdir(join(out, 'ca'), { recursive: true });
  const manifestJob = jobs.find(({ source }) => source === 'blob') ?? jobs[0];
  if (manifestJob !== undefined) {
    for (const report of ['results', 'errors']) {
      await writeFile(join(out, `${report}.csv`), await api.getText(`jobs/${manifestJob.jobId}/${report}`));
    }
  }
  const [ca] = group.issuingCas;
  await writeFile(join(out, 'ca', 'root.pem'), ca?.chainPem.at(-1) ?? '');
  await writeFile(join(out, 'ca', `${group.id}.pem`), ca?.certificatePem ?? '');
  for (const [deviceId, bundle] of bundles) {
    const directory = join(out, 'devices', deviceId);
    if (group.definition.keyCustody === 'sealed') {
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, 'bundle.tar.gz.cms'), bundle);
    } else {
      await unpackBundle(await readBundle(bundle), directory);
    }
  }
}
