import type { TemplateResult } from 'lit-html';
import { html, nothing } from 'lit-html';
import type { Answer } from './api.ts';
import { loading, problemOf, problemPanel } from './parts/basic.ts';
import { go, type Place } from './router.ts';
import { current, redraw } from './store.ts';
import type { Problem } from './types.ts';

/** A screen is drawn from this. */
export interface Page<Data, Local> {
  readonly place: Place;
  readonly params: Readonly<Record<string, string>>;
  readonly data: Data;
  /** When the data was read. */
  readonly readAt: Date;
  /** State of the screen, until people leave it. */
  readonly local: Local;
  set(changes: Partial<Local>): void;
  /** Reads the data again. The screen stays as it is meanwhile. @param afresh without what is on the screen (`before`) */
  reload(afresh?: boolean): Promise<void>;
}

export interface ScreenDefinition<Data, Local extends object> {
  /** For the tab and for screen readers. */
  readonly title: (params: Readonly<Record<string, string>>) => string;
  readonly local: () => Local;
  readonly load: (request: {
    readonly place: Place;
    readonly params: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    /** The data on the screen now, when it is read again. */
    readonly before: Data | undefined;
  }) => Promise<Data>;
  readonly view: (page: Page<Data, Local>) => TemplateResult;
  /** Seconds until the data is read again by itself; undefined when nothing changes any more. */
  readonly again?: (data: Data) => number | undefined;
}

/** A screen that is open. */
export interface OpenScreen {
  readonly title: string;
  /** Whether it updates itself. */
  isLive(): boolean;
  readAt(): Date | undefined;
  view(): TemplateResult;
  /** The filters changed: the same screen with other data. */
  move(place: Place): void;
  close(): void;
}

export type Screen = (place: Place, params: Readonly<Record<string, string>>) => OpenScreen;

export function defineScreen<Data, Local extends object>(definition: ScreenDefinition<Data, Local>): Screen {
  return (first, params) => open(definition, first, params);
}

function open<Data, Local extends object>(
  definition: ScreenDefinition<Data, Local>,
  first: Place,
  params: Readonly<Record<string, string>>,
): OpenScreen {
  let place = first;
  let shown: { readonly data: Data; readonly at: Date } | undefined;
  let problem: Problem | undefined;
  let isBusy = false;
  let local = definition.local();
  let running = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function load(afresh = false): Promise<void> {
    running.abort();
    clearTimeout(timer);
    const mine = new AbortController();
    running = mine;
    isBusy = true;
    redraw();
    try {
      const data = await definition.load({
        place,
        params,
        signal: mine.signal,
        before: afresh ? undefined : shown?.data,
      });
      if (mine.signal.aborted) return;
      shown = { data, at: new Date() };
      problem = undefined;
    } catch (error) {
      if (mine.signal.aborted) return;
      problem = problemOf(error);
    }
    isBusy = false;
    schedule();
    redraw();
  }

  /** Nothing is asked for while people look at another tab, or have paused. */
  function schedule(): void {
    const seconds = shown === undefined ? undefined : definition.again?.(shown.data);
    if (seconds === undefined) return;
    timer = setTimeout(() => {
      if (document.hidden || !current().live) schedule();
      else void load();
    }, seconds * 1000);
  }

  void load();
  return {
    title: definition.title(params),
    isLive: () => shown !== undefined && definition.again?.(shown.data) !== undefined,
    readAt: () => shown?.at,
    move(next) {
      if (next.query.toString() === place.query.toString()) return;
      place = next;
      void load();
    },
    close() {
      running.abort();
      clearTimeout(timer);
    },
    view() {
      const again = () => void load();
      if (shown === undefined) {
        const title = html`<h1 tabindex="-1">${definition.title(params)}</h1>`;
        return html`${title}${problem === undefined ? loading : problemPanel(problem, again)}`;
      }
      const page: Page<Data, Local> = {
        ...{ place, params, local, data: shown.data, readAt: shown.at, reload: load },
        set(changes) {
          local = { ...local, ...changes };
          redraw();
        },
      };
      return html`<div class="screen" aria-busy=${isBusy ? 'true' : 'false'}>
        ${problem === undefined ? nothing : problemPanel(problem, again)} ${definition.view(page)}
      </div>`;
    },
  };
}

/** For filters, which are addresses. */
export const follow = (address: string) => go(address);

/** Seconds until an answer is worth asking for again, as the API says. */
export function waitOf(answer: Answer<unknown>, otherwise: number): number {
  return Math.max(answer.retryAfter ?? otherwise, 1);
}
