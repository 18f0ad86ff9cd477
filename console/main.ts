import { render } from 'lit-html';
import { app } from './app.ts';
import { problemOf } from './parts/basic.ts';
import { listen, placeOf } from './router.ts';
import type { OpenScreen } from './screen.ts';
import { screenFor } from './screens.ts';
import { begin } from './session.ts';
import { current, onChange, update } from './store.ts';

const root = document.querySelector<HTMLElement>('#app');
let open: { readonly key: string; readonly screen: OpenScreen } | undefined;
let failure: unknown;
/** People came to the screen that is open, and its data has not been drawn yet. */
let isArriving = false;

function draw(): void {
  const { theme } = current();
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  if (root !== null) render(app(open?.screen, failure === undefined ? undefined : problemOf(failure)), root);
  if (isArriving) focusHeading();
}

/** Opens the screen of the address, or tells the one that is open about its new filters. */
function move(): void {
  const place = placeOf(location);
  const { key, start } = screenFor(place);
  if (open?.key === key) {
    open.screen.move(place);
    return;
  }
  const isFirst = open === undefined;
  open?.screen.close();
  open = { key, screen: start() };
  document.title = `${open.screen.title} – Fleet`;
  update({ menu: false, dialog: undefined });
  if (isFirst) return;
  scrollTo(0, 0);
  isArriving = true;
  (document.activeElement as HTMLElement | null)?.blur();
}

/**
 * Screen readers and the keyboard begin at the heading of a new screen. It is drawn once while the screen loads, and once more
 * with its data; people who have moved on meanwhile are left where they are.
 */
function focusHeading(): void {
  const { activeElement } = document;
  if (activeElement === null || activeElement === document.body) {
    root?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
  }
  if (open?.screen.readAt() !== undefined) isArriving = false;
}

async function start(): Promise<void> {
  onChange(draw);
  draw();
  try {
    await begin();
    listen(move);
    move();
  } catch (error) {
    failure = error;
    draw();
  }
}

void start();
