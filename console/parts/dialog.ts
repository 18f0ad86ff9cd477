import { html, nothing, type TemplateResult } from 'lit-html';
import { ref } from 'lit-html/directives/ref.js';
import { current, redraw, update } from '../store.ts';
import type { Problem } from '../types.ts';
import { problemOf, problemPanel } from './basic.ts';

export interface Question {
  readonly title: string;
  /** The effect of the act, with its numbers. */
  readonly text: TemplateResult | string;
  /** Names the act and its number: `Revoke 25 devices`. */
  readonly confirm: string;
  /** It cannot be undone, or takes access away. */
  readonly danger?: boolean;
  /** The API asks why, and keeps the answer. */
  readonly reason?: boolean;
  /** This text has to be typed, for acts that cannot be undone. */
  readonly typed?: string;
  readonly more?: TemplateResult;
  readonly act: (reason: string) => Promise<void>;
}

/**
 * Asks before something is done, and shows in place why it was refused. The dialog stays open, with what was typed, until the
 * act has succeeded.
 */
export function ask(question: Question): void {
  let reason = '';
  let typed = '';
  let problem: Problem | undefined;
  let isBusy = false;
  const { title, text, confirm, danger = false, reason: asksReason = false, more } = question;

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    isBusy = true;
    problem = undefined;
    redraw();
    // It may have been closed meanwhile, and another one opened.
    const isOpen = () => current().dialog?.view === view;
    try {
      await question.act(reason);
      if (isOpen()) closeDialog();
    } catch (error) {
      problem = problemOf(error);
      if (!isOpen()) update({ notice: { text: `${confirm}: ${problem.detail} ${problem.hint ?? ''}`, failed: true } });
    }
    isBusy = false;
    redraw();
  }

  const isReady = () => (question.typed === undefined || typed === question.typed) && (!asksReason || reason !== '');
  const view = () => html`<form method="dialog" @submit=${submit}>
    <p>${text}</p>
    ${more ?? nothing}
    ${
      asksReason
        ? html`<label class="field"
            ><span>Reason (kept in the audit trail)</span>
            <input name="reason" required maxlength="500" autocomplete="off" placeholder="Ticket or cause" autofocus
              @input=${(event: Event) => {
                reason = (event.target as HTMLInputElement).value;
                redraw();
              }} />
          </label>`
        : nothing
    }
    ${
      question.typed === undefined
        ? nothing
        : html`<label class="field"
            ><span>Type <code>${question.typed}</code> to confirm</span>
            <input name="typed" autocomplete="off" spellcheck="false"
              @input=${(event: Event) => {
                typed = (event.target as HTMLInputElement).value;
                redraw();
              }} />
          </label>`
    }
    ${problem === undefined ? nothing : problemPanel(problem)}
    <footer>
      <button type="button" @click=${closeDialog}>Cancel</button>
      <button class=${danger ? 'danger' : 'primary'} ?disabled=${isBusy || !isReady()}>
        ${isBusy ? 'Working …' : confirm}
      </button>
    </footer>
  </form>`;
  update({ dialog: { title, view } });
}

export function closeDialog(): void {
  // Closed by the browser, it gives the focus back to where it was.
  document.querySelector<HTMLDialogElement>('dialog[open]')?.close();
  update({ dialog: undefined });
}

/** The dialog that is open. The browser keeps the keyboard inside it, closes it by Escape and gives the focus back. */
export function dialogView(): TemplateResult | typeof nothing {
  const { dialog } = current();
  if (dialog === undefined) return nothing;
  const show = (element: Element | undefined) => {
    if (!(element instanceof HTMLDialogElement) || element.open) return;
    // Now it is made; it is part of the page once this drawing has ended.
    queueMicrotask(() => {
      if (element.isConnected && !element.open) element.showModal();
    });
  };
  return html`<dialog ${ref(show)} aria-labelledby="dialog-title" @close=${() => update({ dialog: undefined })}>
    <h2 id="dialog-title">${dialog.title}</h2>
    ${dialog.view()}
  </dialog>`;
}
