import { readFileSync } from 'node:fs';

/** The text of install.sh. The deployed bundle has the text itself in place of this module (infra/bundle-functions.ts). */
export default readFileSync(new URL('./install.sh', import.meta.url), 'utf8');
