import { lookup } from 'node:dns/promises';
import { FleetError } from '../errors.ts';
import { causeOfRefusal } from './service-errors.ts';

/** The result of checking one dependency with the app's identity. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong and what the operator can do about it. Present if not `ok`. */
  readonly problem?: string;
  /** What an operator should know although nothing is wrong: the time of an observation, an end that comes near. */
  readonly note?: string;
}

/** How to check a dependency, and what to name when the check fails. */
export interface Probe {
  readonly name: string;
  readonly host?: string | undefined;
  /** The role that infra/azure assigns to the app. */
  readonly role: string;
  /** The setting that names the host or directory. */
  readonly setting: string;
  /** @returns the note of the check; anything but a text is no note */
  run(): Promise<unknown>;
}

/**
 * Runs a probe. Never throws.
 * @param timeoutMs milliseconds after which the check fails
 */
export async function check(probe: Probe, timeoutMs: number): Promise<Check> {
  const { name } = probe;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<typeof timedOut>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, timedOut);
  });
  try {
    const first = await Promise.race([probe.run(), timeout]);
    if (first === timedOut) return { name, ok: false, problem: await timeoutProblem(probe, timeoutMs) };
    return typeof first === 'string' ? { name, ok: true, note: first } : { name, ok: true };
  } catch (error) {
    return { name, ok: false, problem: problemOf(probe, error) };
  } finally {
    clearTimeout(timer);
  }
}

const timedOut = Symbol('timeout');

/** After a timeout the SDK may still be retrying and has not said why. An unknown host is found out here. */
async function timeoutProblem({ name, host, setting }: Probe, timeoutMs: number): Promise<string> {
  if (host !== undefined) {
    const address = await lookup(host).catch(() => undefined);
    if (address === undefined) return unknownHost(host, setting);
  }
  const seconds = timeoutMs / 1000;
  return `${name} did not answer in ${seconds} s. Does the network let this app through to ${host ?? 'it'}?`;
}

function problemOf({ name, host, role, setting }: Probe, error: unknown): string {
  // An error of this app and not of a service: its message and hint say what is wrong and what to do.
  if (error instanceof FleetError && error.cause === undefined) return `${error.message} ${error.hint}`;
  const { status, code } = causeOfRefusal(error);
  const where = host === undefined ? '' : ` at ${host}`;
  if (status === 404) return `${name} does not exist${where}. Deploy it (azd provision), or correct ${setting}.`;
  if (status === 403 && /Firewall|AuthorizationFailure|PublicNetwork|ForbiddenByConnection/i.test(code ?? '')) {
    return `${name}: the network rules${where} keep this app out (403 ${code}).`;
  }
  if (status === 401 || status === 403) {
    const detail = code === undefined ? status : `${status} ${code}`;
    return `${name} refuses this app's identity (${detail}). Give it the role "${role}"; a new role takes some minutes.`;
  }
  if (status === 429) return `${name} is throttling this app (429). It is reachable.`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return unknownHost(host ?? '', setting);
  if (code === 'CredentialUnavailableError' || code === 'AuthenticationError') {
    return `${name}: this app got no token (${code}). Is the identity of AZURE_CLIENT_ID assigned to it?`;
  }
  if (code === 'EACCES' || code === 'ENOENT' || code === 'EROFS') {
    return `${name}: the directory of ${setting} cannot be used (${code}).`;
  }
  if (status !== undefined) return `${name} answered ${status}${code === undefined ? '' : ` ${code}`}${where}.`;
  if (code !== undefined) return `${name} cannot be reached${where} (${code}).`;
  return `${name} failed. The log has the reason.`;
}

function unknownHost(host: string, setting: string): string {
  return `DNS knows no host "${host}". Correct ${setting}, or the private DNS zone of the network.`;
}

/** A result that can still be used, if it is of the same version. */
export type Recent<T> = (id: string, version: string, work: () => Promise<T>) => Promise<T>;

/** How long a result is used again, so that frequent probes do not cost requests each time. */
const recentMilliseconds = 60_000;

/** @returns a function that does the work for an id at most once a minute per version. A failure counts as a result */
export function createRecent<T>(now: () => Date): Recent<T> {
  const results = new Map<string, { readonly version: string; readonly at: number; readonly result: Promise<T> }>();
  return (id, version, work) => {
    const at = now().getTime();
    const known = results.get(id);
    if (known?.version === version && at - known.at < recentMilliseconds) return known.result;
    const result = work();
    results.set(id, { version, at, result });
    return result;
  };
}
