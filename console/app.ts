import { html, nothing, type TemplateResult } from 'lit-html';
import { zoneName } from './format.ts';
import { loading, problemPanel, time } from './parts/basic.ts';
import { dialogView } from './parts/dialog.ts';
import { type IconName, icon } from './parts/icons.ts';
import { searchBox } from './parts/search.ts';
import { placeOf, to } from './router.ts';
import type { OpenScreen } from './screen.ts';
import { signInScreen } from './screens/sign-in.ts';
import { can, roleName, signOut } from './session.ts';
import { current, type State, update } from './store.ts';
import type { Problem } from './types.ts';

interface Entry {
  readonly path: string;
  readonly name: string;
  readonly icon: IconName;
  /** The operation without which the screen shows nothing. */
  readonly needs: string;
}

const entries: readonly Entry[] = [
  { path: '/', name: 'Overview', icon: 'home', needs: 'get-summary' },
  { path: '/upload', name: 'Upload', icon: 'upload', needs: 'create-check' },
  { path: '/jobs', name: 'Jobs', icon: 'jobs', needs: 'list-jobs' },
  { path: '/devices', name: 'Devices', icon: 'devices', needs: 'list-devices' },
  { path: '/groups', name: 'Groups', icon: 'groups', needs: 'list-enrollment-groups' },
  { path: '/findings', name: 'Findings', icon: 'findings', needs: 'list-findings' },
  { path: '/dead-letters', name: 'Dead letters', icon: 'letters', needs: 'list-dead-letters' },
  { path: '/audit', name: 'Audit', icon: 'audit', needs: 'list-audit-entries' },
  { path: '/api', name: 'API', icon: 'api', needs: 'get-openapi' },
];

/** The whole page: navigation, the line at the top, and one screen. */
export function app(screen: OpenScreen | undefined, failure: Problem | undefined): TemplateResult {
  const { me, signIn, menu } = current();
  if (me === undefined) {
    return html`<main class="alone" id="content">
      ${signIn !== undefined ? signInScreen(signIn) : failure === undefined ? loading : problemPanel(failure, reloadPage)}
    </main>`;
  }
  return html`
    <a class="skip" href="#content" @click=${focusContent}>Skip to content</a>
    <div class="shell ${menu ? 'with-menu' : ''}">
      ${navigation()}
      <div class="right">
        ${topLine(screen)}
        <main id="content" tabindex="-1">
          ${signIn === undefined ? nothing : html`<div class="panel">${signInScreen(signIn)}</div>`}
          ${screen?.view() ?? loading}
        </main>
      </div>
    </div>
    ${dialogView()} ${noticeLine()}
  `;
}

function reloadPage(): void {
  location.reload();
}

function focusContent(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
}

function navigation(): TemplateResult {
  const { path } = placeOf(location);
  const isHere = (entry: Entry) => (entry.path === '/' ? path === '/' : `${path}/`.startsWith(`${entry.path}/`));
  return html`<nav class="side" aria-label="Main">
    <a class="brand" href=${to('/')}><span class="mark" aria-hidden="true"></span>Fleet</a>
    <ul>
      ${entries
        .filter(({ needs }) => can(needs))
        .map(
          (entry) =>
            html`<li>
              <a href=${to(entry.path)} aria-current=${isHere(entry) ? 'page' : nothing}>${icon(entry.icon)}${entry.name}</a>
            </li>`,
        )}
    </ul>
  </nav>`;
}

const themes: readonly (readonly [State['theme'], string])[] = [
  ['system', 'Theme: system'],
  ['light', 'Theme: light'],
  ['dark', 'Theme: dark'],
];

function topLine(screen: OpenScreen | undefined): TemplateResult {
  const { me, utc, theme, menu } = current();
  const zone = zoneName(false, new Date());
  return html`<header class="top">
    <button class="quiet menu" type="button" aria-expanded=${menu} @click=${() => update({ menu: !menu })}>
      ${icon(menu ? 'close' : 'menu')}<span class="visually-hidden">Menu</span>
    </button>
    ${searchBox()}
    <div class="settings">
      ${liveControl(screen)}
      <label class="switch" title="Show all times in UTC">
        <input type="checkbox" role="switch" .checked=${utc} @change=${() => update({ utc: !utc })} />
        <span>UTC</span><span class="visually-hidden">instead of local time (${zone})</span>
      </label>
      <details class="user">
        <summary title="You, and how this looks">${initials(me?.name ?? '')}<span class="visually-hidden">Account</span></summary>
        <div class="card">
          <p><strong>${me?.name}</strong><br /><span class="muted">${roleName()}</span></p>
          <label class="field"
            ><span class="visually-hidden">Theme</span>
            <select @change=${(event: Event) => update({ theme: (event.target as HTMLSelectElement).value as State['theme'] })}>
              ${themes.map(([value, name]) => html`<option value=${value} ?selected=${value === theme}>${name}</option>`)}
            </select>
          </label>
          <button type="button" @click=${signOut}>Sign out</button>
        </div>
      </details>
    </div>
  </header>`;
}

function initials(name: string): string {
  const parts = name.split(/[^\p{L}\p{N}]+/u).filter((part) => part !== '');
  return parts
    .slice(0, 2)
    .map((part) => part[0]?.toUpperCase())
    .join('');
}

/** For screens that update themselves (WCAG 2.2.2): when they did last, and a button that stops it. */
function liveControl(screen: OpenScreen | undefined): TemplateResult | typeof nothing {
  const readAt = screen?.readAt();
  if (screen === undefined || readAt === undefined || !screen.isLive()) return nothing;
  const { live } = current();
  return html`<span class="live ${live ? 'on' : ''}">
    <span class="dot" aria-hidden="true"></span>
    <span class="muted">${live ? 'Live' : html`Paused at ${time(readAt.toISOString())}`}</span>
    <button class="quiet" type="button" @click=${() => update({ live: !live })}>
      ${icon(live ? 'pause' : 'play')}<span class="visually-hidden">${live ? 'Pause updates' : 'Resume updates'}</span>
    </button>
  </span>`;
}

function noticeLine(): TemplateResult {
  const { notice } = current();
  return html`<div class="notice" role="status">
    ${
      notice === undefined
        ? nothing
        : html`<p>
            ${icon(notice.failed ? 'bad' : 'good')} ${notice.text}
            ${notice.href === undefined ? nothing : html`<a href=${notice.href}>${notice.link}</a>`}
            <button class="quiet" type="button" @click=${() => update({ notice: undefined })}>
              ${icon('close')}<span class="visually-hidden">Close</span>
            </button>
          </p>`
    }
  </div>`;
}
