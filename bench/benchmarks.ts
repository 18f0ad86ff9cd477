import type { Benchmark } from './benchmark.ts';
import { certificates } from './benchmarks/certificates.ts';
import { cold } from './benchmarks/cold.ts';
import { cost } from './benchmarks/cost.ts';
import { demo } from './benchmarks/demo.ts';
import { growth } from './benchmarks/growth.ts';
import { issueCsr, issueP256, issueP256OnTwo } from './benchmarks/issue.ts';
import { million } from './benchmarks/million.ts';
import { chunkCpu, pipeline } from './benchmarks/pipeline.ts';
import { pipelineVault } from './benchmarks/pipeline-vault.ts';
import { query } from './benchmarks/query.ts';
import { renewalBurst } from './benchmarks/renewal-burst.ts';
import { scaleOut } from './benchmarks/scale-out.ts';
import { smallJob } from './benchmarks/small-job.ts';
import { split } from './benchmarks/split.ts';
import { sweep } from './benchmarks/sweep.ts';

/** In the order of docs/performance.md. */
export const benchmarks: readonly Benchmark[] = [
  issueP256,
  issueP256OnTwo,
  issueCsr,
  chunkCpu,
  pipeline,
  pipelineVault,
  scaleOut,
  smallJob,
  demo,
  growth,
  million,
  split,
  cost,
  cold,
  query,
  certificates,
  sweep,
  renewalBurst,
];
