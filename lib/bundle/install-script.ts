import type { BundleOptions } from './bundle-files.ts';

export function installScript(_options: BundleOptions): string {
  return '#!/bin/sh\n';
}
