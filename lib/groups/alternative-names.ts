import type { AlternativeNames } from '../pki/alternative-name.ts';
import type { GroupDefinition } from './definition.ts';

/** @returns how identities of the group get their subject alternative name; undefined when they have none */
export function alternativeNamesOf({
  id,
  subjectAltName,
}: Pick<GroupDefinition, 'id' | 'subjectAltName'>): AlternativeNames | undefined {
  return subjectAltName === undefined || subjectAltName === 'none' ? undefined : { form: subjectAltName, group: id };
}
