import { html } from 'lit-html';
import { action, empty, heading } from '../parts/basic.ts';
import { to } from '../router.ts';
import { defineScreen } from '../screen.ts';

export const notFoundScreen = defineScreen({
  title: () => 'Not found',
  local: () => ({}),
  load: async () => undefined,
  view: ({ place }) =>
    html`${heading('Not found')}
    ${empty('There is no such screen.', html`The console has nothing at <code>${place.path}</code>.`, action(to('/'), 'Go to the overview', 'primary'))}`,
});
