import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Profile } from '../benchmark.ts';
import { type SubjectOptions, startSubject } from './subject.ts';

/** Functions below this share, in percent, are left out. */
const minPercent = 1;

/** Options that make Node write a profile to the directory when it ends. */
const profilingOptions = (directory: string) => ['--cpu-prof', `--cpu-prof-dir=${directory}`];

/** Profiles a subject in a separate run, because the profiler slows it down. */
export async function profileOfSubject(options: SubjectOptions): Promise<Profile> {
  return inProfile(async (directory) => {
    const subject = await startSubject({ ...options, nodeOptions: profilingOptions(directory) });
    await subject.measure(3000);
    await subject.end();
    return summarise(directory, options.name);
  });
}

export async function inProfile<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-profile-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The parts of a .cpuprofile that are used: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
      readonly columnNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Summarizes the largest profile in the directory, which is that of the process itself and not of a child. */
export async function summarise(directory: string, of: string): Promise<Profile> {
  const texts = await Promise.all((await readdir(directory)).map((file) => readFile(join(directory, file), 'utf8')));
  const largest = texts.toSorted((a, b) => b.length - a.length)[0];
  if (largest === undefined) throw new Error(`No profile of ${of} was written.`);
  const { nodes, samples, timeDeltas }: CpuProfile = JSON.parse(largest);
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const placeOf = createPlaces();
  const times = new Map<string, number>();
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    const time = timeDeltas[index] ?? 0;
    if (frame === undefined || frame.functionName === '(idle)') continue;
    const place = await placeOf(frame);
    times.set(place, (times.get(place) ?? 0) + time);
    total += time;
  }
  const shares = [...times]
    .map(([place, time]) => ({ place, percent: Math.round((1000 * time) / total) / 10 }))
    .filter(({ percent }) => percent >= minPercent)
    .sort((a, b) => b.percent - a.percent)
    .slice(0, 20);
  return { of, shares };
}

/** Makes a function that names a frame by function and source file, using the source map if the file has one. */
function createPlaces() {
  const maps = new Map<string, Promise<SourceMap | undefined>>();
  return async ({ functionName, url, lineNumber, columnNumber }: CpuProfile['nodes'][number]['callFrame']) => {
    const name = functionName === '' ? '(anonymous)' : functionName;
    if (!url.startsWith('file:')) return url === '' ? name : `${name}, ${url}`;
    const path = fileURLToPath(url);
    let map = maps.get(path);
    if (map === undefined) {
      map = readSourceMap(path);
      maps.set(path, map);
    }
    const entry = (await map)?.findEntry(lineNumber, columnNumber);
    const source = entry !== undefined && 'originalSource' in entry ? entry.originalSource : path;
    return `${name}, ${shorten(source)}`;
  };
}

async function readSourceMap(path: string): Promise<SourceMap | undefined> {
  const text = await readFile(`${path}.map`, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : new SourceMap(JSON.parse(text));
}

/** Names a library by its package, and other files by their path in the project. */
function shorten(source: string): string {
  const inLibrary = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1];
  if (inLibrary !== undefined) return inLibrary;
  return /(?:^|\/)((?:lib|functions|infra|bench)\/.*)$/.exec(source)?.[1] ?? basename(source);
}
