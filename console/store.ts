import type { TemplateResult } from 'lit-html';
import type { Me, Role } from './types.ts';

/** The state of the whole console. Screens keep their own. */
export interface State {
  /** The caller; absent until they are known. */
  readonly me?: Me;
  /** The role of a function key, found by trying it. Absent for people who sign in. */
  readonly keyRole?: Role;
  /** Why the console asks to sign in. */
  readonly signIn?: 'first' | 'refused' | 'ended' | 'unanswered';
  /** Times are shown in UTC. */
  readonly utc: boolean;
  readonly theme: 'system' | 'light' | 'dark';
  /** Screens that update themselves do so. */
  readonly live: boolean;
  /** The last thing that was done, for the line at the bottom. */
  readonly notice?: Notice;
  readonly dialog?: Dialog;
  /** The menu is open, on a narrow screen. */
  readonly menu: boolean;
}

export interface Notice {
  readonly text: string;
  /** It says what failed. */
  readonly failed?: boolean;
  readonly href?: string;
  readonly link?: string;
}

export interface Dialog {
  readonly title: string;
  readonly view: () => TemplateResult;
}

const kept = { utc: 'fleet-utc', theme: 'fleet-theme', live: 'fleet-live' } as const;

let state: State = {
  utc: recall(kept.utc) === 'true',
  theme: (['light', 'dark'] as const).find((each) => each === recall(kept.theme)) ?? 'system',
  live: recall(kept.live) !== 'false',
  menu: false,
};

let draw: () => void = () => {};
let isDrawing = false;

export function current(): State {
  return state;
}

/** Changes the state and draws the console again, once for all changes of one turn. A member of `undefined` is removed. */
export function update(changes: { readonly [Key in keyof State]?: State[Key] | undefined }): void {
  const next: Record<string, unknown> = { ...state, ...changes };
  for (const [name, value] of Object.entries(next)) if (value === undefined) delete next[name];
  state = next as unknown as State;
  for (const [name, key] of Object.entries(kept)) {
    if (name in changes) remember(key, String(state[name as keyof typeof kept]));
  }
  redraw();
}

/** Draws the console again, with a state that a screen keeps by itself. */
export function redraw(): void {
  if (isDrawing) return;
  isDrawing = true;
  queueMicrotask(() => {
    isDrawing = false;
    draw();
  });
}

export function onChange(listener: () => void): void {
  draw = listener;
}

/** A browser can refuse storage, in private windows for example. */
function recall(key: string): string | null {
  try {
    return globalThis.localStorage?.getItem(key) ?? null;
  } catch {
    return null;
  }
}

function remember(key: string, value: string): void {
  try {
    globalThis.localStorage?.setItem(key, value);
  } catch {
    // It is then the default again after the next start.
  }
}
