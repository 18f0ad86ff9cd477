import { html, nothing, type TemplateResult } from 'lit-html';
import { access, retrySignIn, signInAddress, signInWithKey } from '../session.ts';
import type { State } from '../store.ts';

const said: Readonly<Record<NonNullable<State['signIn']>, string>> = {
  first: '',
  refused: 'This was refused. Check that the key is whole and that it was not renewed.',
  ended: 'Your sign-in has ended. What you entered is still here.',
  unanswered: 'The app did not answer, so the key is not checked. It may be starting: try again in a minute.',
};

/** Asks for a key, or leads to the sign-in of Microsoft Entra. */
export function signInScreen(why: NonNullable<State['signIn']>): TemplateResult {
  return access() === 'entra' ? entra(why) : withKey(why);
}

function withKey(why: NonNullable<State['signIn']>): TemplateResult {
  const submit = (event: Event) => {
    event.preventDefault();
    const field = (event.target as HTMLFormElement).elements.namedItem('key') as HTMLInputElement;
    void signInWithKey(field.value.trim());
  };
  return html`<section class="sign-in">
    <span class="mark" aria-hidden="true"></span>
    <h1 tabindex="-1">Fleet</h1>
    <p>Enter a function key of your role. It stays in this tab and is forgotten when you close it.</p>
    <form @submit=${submit}>
      <label class="field"
        ><span>Function key</span>
        <input name="key" type="password" required autocomplete="current-password" autofocus
          aria-invalid=${why === 'refused' ? 'true' : nothing} aria-describedby="sign-in-said" />
      </label>
      <p id="sign-in-said" class="fault" role="alert">${said[why]}</p>
      <button class="primary">Sign in</button>
    </form>
    <p class="muted"><code>npm start</code> prints a link with the key of a local stack. In Azure, an operator creates keys per role (docs/deploy.md).</p>
  </section>`;
}

function entra(why: NonNullable<State['signIn']>): TemplateResult {
  const isRefused = why !== 'ended';
  return html`<section class="sign-in">
    <span class="mark" aria-hidden="true"></span>
    <h1 tabindex="-1">Fleet</h1>
    ${
      isRefused
        ? html`<p class="fault" role="alert">You have signed in, and the app still refused you.</p>
            <p>
              Either the registration of this app lacks its redirect address or credential (docs/deploy.md), or your browser blocks its cookie.
            </p>
            <a class="button primary" href=${signInAddress()}>Sign in again</a>`
        : html`<p role="alert">${said.ended}</p>
            <p><a class="button primary" href="/.auth/login/aad" target="_blank" rel="noopener">Sign in in a new tab</a></p>
            <p><button type="button" @click=${() => void retrySignIn()}>I have signed in: go on</button></p>`
    }
  </section>`;
}
