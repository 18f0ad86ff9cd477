import { type Credentials, get, useCredentials } from './api.ts';
import { current, update } from './store.ts';
import type { Me, Role } from './types.ts';

/*
 * The user of the console. A function key stays in this tab and is sent in a header. People who sign in with Microsoft Entra have
 * a cookie of the platform, which scripts cannot read.
 */

const keyName = 'fleet-function-key';

/** How callers sign in; the server writes it into the page. */
export function access(): 'keys' | 'entra' {
  return document.querySelector('meta[name="fleet-access"]')?.getAttribute('content') === 'entra' ? 'entra' : 'keys';
}

/** Requests that wait for a sign-in. */
let waiting: (() => void)[] = [];

const credentials: Credentials = {
  headers() {
    const key = sessionStorage.getItem(keyName);
    const headers: Record<string, string> = {};
    if (key !== null) headers['x-functions-key'] = key;
    return headers;
  },
  async refused() {
    const { me } = current();
    // A key opens some operations only. As long as it opens this one, the 401 was about the other operation.
    if (me !== undefined && (await isKnown()) !== 'no') return false;
    if (access() === 'entra' && me === undefined) {
      leaveToSignIn();
      return new Promise(() => {});
    }
    update({ signIn: me === undefined ? (sessionStorage.getItem(keyName) === null ? 'first' : 'refused') : 'ended' });
    await new Promise<void>((signedIn) => waiting.push(signedIn));
    return true;
  },
};

/** Finds out who the caller is. It waits for the sign-in if there has been none. */
export async function begin(): Promise<void> {
  useCredentials(credentials);
  const key = takeKeyOfAddress();
  if (key !== undefined) sessionStorage.setItem(keyName, key);
  // A link that is opened in a tab with the console changes the fragment only.
  addEventListener('hashchange', () => {
    const given = takeKeyOfAddress();
    if (given !== undefined) void signInWithKey(given);
  });
  const me = await get<Me>('me');
  const keyRole = me.access === 'keys' ? await roleOfKey() : undefined;
  update({ me, keyRole, signIn: undefined });
}

/**
 * The key of a link that `npm start` prints: `/console/#key=TEXT`. Browsers do not send a fragment. It is removed from the address
 * at once, but the history of the browser can keep it. So it is taken on this machine only, where the key protects nothing else.
 */
function takeKeyOfAddress(): string | undefined {
  const key = keyOfFragment(location.hash);
  if (key === undefined) return undefined;
  history.replaceState(null, '', location.pathname + location.search);
  return access() === 'keys' && localHosts.includes(location.hostname) ? key : undefined;
}

const localHosts: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** @returns the key of `#key=TEXT`; undefined for another fragment. @example keyOfFragment('#key=a%20key') // 'a key' */
export function keyOfFragment(hash: string): string | undefined {
  return new URLSearchParams(hash.slice(1)).get('key') ?? undefined;
}

/** Takes a function key. Requests that wait for it go on. */
export async function signInWithKey(key: string): Promise<void> {
  sessionStorage.setItem(keyName, key);
  const known = await isKnown();
  if (known !== 'yes') {
    sessionStorage.removeItem(keyName);
    update({ signIn: known === 'no' ? 'refused' : 'unanswered' });
    return;
  }
  update({ signIn: undefined });
  if (current().me !== undefined) update({ keyRole: await roleOfKey() });
  const released = waiting;
  waiting = [];
  for (const go of released) go();
}

/** Goes on after a sign-in in another tab. */
export async function retrySignIn(): Promise<void> {
  if ((await isKnown()) !== 'yes') return;
  update({ signIn: undefined });
  const released = waiting;
  waiting = [];
  for (const go of released) go();
}

export function signOut(): void {
  sessionStorage.removeItem(keyName);
  location.assign(access() === 'entra' ? '/.auth/logout?post_logout_redirect_uri=/console/' : '/console/');
}

/** The page of the platform that signs people in, and leads back to where they were. */
export function signInAddress(): string {
  return `/.auth/login/aad?post_login_redirect_uri=${encodeURIComponent(location.pathname + location.search)}`;
}

function leaveToSignIn(): void {
  const marker = 'fleet-signing-in';
  // Back from the sign-in and still refused: not once more, or the browser would go in circles.
  if (sessionStorage.getItem(marker) !== null) {
    sessionStorage.removeItem(marker);
    update({ signIn: 'refused' });
    return;
  }
  sessionStorage.setItem(marker, 'true');
  location.assign(signInAddress());
}

/** Whether the app knows the caller. An app that starts, or that is down, says neither. */
async function isKnown(): Promise<'yes' | 'no' | 'unanswered'> {
  const response = await fetch('/api/me', { headers: credentials.headers(), cache: 'no-store' }).catch(() => undefined);
  if (response?.ok) {
    sessionStorage.removeItem('fleet-signing-in');
    return 'yes';
  }
  return response?.status === 401 || response?.status === 403 ? 'no' : 'unanswered';
}

const ranks: readonly Role[] = ['reader', 'submitter', 'operator'];

/** Only the host knows the role of a key. It is found by requests that change nothing and that only some keys open. */
async function roleOfKey(): Promise<Role> {
  const headers = credentials.headers();
  const letters = await fetch('/api/dead-letters?limit=1', { headers, cache: 'no-store' });
  if (letters.status !== 401) return 'operator';
  const check = await fetch('/api/checks', { method: 'POST', headers, cache: 'no-store' });
  return check.status === 401 ? 'reader' : 'submitter';
}

/**
 * Whether the caller may call an operation. The console does not offer what they may not do; the API refuses it in any case.
 * @param operationId of docs/openapi.json
 * @param group an enrollment group that it is about
 */
export function can(operationId: string, group?: string): boolean {
  const { me, keyRole } = current();
  const operation = me?.operations.find(({ id }) => id === operationId);
  if (operation === undefined) return false;
  if (keyRole !== undefined) return ranks.indexOf(keyRole) >= ranks.indexOf(operation.role);
  const { enrollmentGroups } = operation;
  return enrollmentGroups === undefined || group === undefined || enrollmentGroups.includes(group);
}

/** The highest role of the caller, for people. */
export function roleName(): string {
  const { me, keyRole } = current();
  if (keyRole !== undefined) return keyRole;
  const held = [...(me?.roles ?? []), ...(me?.groupRoles ?? []).map(({ role }) => role)];
  return ranks.findLast((role) => held.includes(role)) ?? 'no role';
}
