import { type BundleOptions, bundlePaths, edgeTargets, type Target } from './targets.ts';

/** Where and as whom a release of IoT Edge keeps its files. */
interface Place {
  readonly directory: string;
  readonly certificateOwner: string;
  readonly keyOwner: string;
  readonly config: string;
  readonly configOwner: string;
  readonly configMode: string;
  /** What makes the services read their configuration. */
  readonly apply: string;
}

/** https://learn.microsoft.com/azure/iot-edge/how-to-manage-device-certificates, "Device prerequisites". */
const since12: Place = {
  directory: '/var/aziot',
  certificateOwner: 'aziotcs',
  keyOwner: 'aziotks',
  config: '/etc/aziot/config.toml',
  configOwner: 'root',
  configMode: '600',
  apply: 'iotedge config apply',
};

/** The package of 1.1 has one user, who owns the configuration and alone may read it (edgelet/contrib/debian/postinst). */
const upTo11: Place = {
  directory: '/etc/iotedge',
  certificateOwner: 'iotedge',
  keyOwner: 'iotedge',
  config: '/etc/iotedge/config.yaml',
  configOwner: 'iotedge',
  configMode: '400',
  apply: 'systemctl restart iotedge',
};

/** Distributions that a release no longer runs on (https://learn.microsoft.com/azure/iot-edge/version-history). */
const dropped: Partial<Record<Target, readonly string[]>> = { 'iotedge-1.6': ['debian:11', 'mariner:2.0'] };

/** install.sh of an IoT Edge bundle: POSIX sh, the same for every device of a group. */
export function installScript({ group }: BundleOptions): string {
  const { target, keyCustody, edgeCa, est, keyUri, trustBundle, pkcs11 } = group;
  if (target === 'dps-device') return '';
  const place = target === 'iotedge-1.1' ? upTo11 : since12;
  const files: string[] = [];
  const add = (path: string, owner: string, mode: string, to = `${place.directory}/${path}`) =>
    files.push(`  "$1" ${path} ${to} ${owner} ${mode}`);
  add(bundlePaths.identityChain, place.certificateOwner, '644');
  if (edgeCa === 'issued') add(bundlePaths.edgeCaChain, place.certificateOwner, '644');
  if (edgeCa === 'issued' || trustBundle.length > 0) add(bundlePaths.trustBundle, place.certificateOwner, '644');
  if (est !== undefined) add(bundlePaths.estTrust, place.certificateOwner, '644');
  if (keyUri === undefined) add(bundlePaths.identityKey, place.keyOwner, '600');
  if (edgeCa === 'issued') add(bundlePaths.edgeCaKey, place.keyOwner, '600');
  // Last: a configuration never names a file that is not there yet.
  const config = target === 'iotedge-1.1' ? 'config.yaml' : 'config.toml';
  add(config, place.configOwner, place.configMode, place.config);

  // A key that was not in the bundle is put beside it, or is on the device already.
  const ownKey = keyCustody !== 'device' ? '' : keyUri === undefined ? bundlePaths.identityKey : '';
  const keyFile = keyUri?.startsWith('file://') ? keyUri.slice('file://'.length) : '';
  return script
    .replaceAll('@VERSION@', edgeTargets[target].version)
    .replaceAll('@FILES@', files.join('\n'))
    .replaceAll('@DIRECTORY@', place.directory)
    .replaceAll('@CERTIFICATE_OWNER@', place.certificateOwner)
    .replaceAll('@KEY_OWNER@', place.keyOwner)
    .replaceAll('@APPLY@', place.apply)
    .replaceAll('@DROPPED@', (dropped[target] ?? []).join('|') || 'none:0')
    .replaceAll('@OWN_KEY@', ownKey)
    .replaceAll('@KEY_FILE@', shellQuoted(keyFile))
    .replaceAll('@CHAIN@', bundlePaths.identityChain)
    .replaceAll('@PKCS11@', pkcs11 === undefined ? 'no' : 'yes');
}

/** The group's schema lets none through; this holds whatever it does. */
const shellQuoted = (value: string) => `'${value.replaceAll("'", "'\\''")}'`;

const script = `#!/bin/sh
# Installs this bundle on a device with Azure IoT Edge @VERSION@. It may be run again at any time.
#   sh ./install.sh [--dry-run] [--root DIR] [--pin-file FILE]
#   --dry-run        say what would be done, and do nothing
#   --root DIR       a prefix for every path that is read or written
#   --pin-file FILE  the PIN of the PKCS#11 token, on one line
# Exit codes: 0 done, 1 refused and nothing changed, 2 usage, 3 installed but iotedge check found faults, 4 broken off.
set -eu
umask 077

version=@VERSION@
own_key=@OWN_KEY@
key_file=@KEY_FILE@
pkcs11=@PKCS11@
dry_run='' root='' pin_file='' changed='' began=''

files() {
@FILES@
}

say() { printf '%s\\n' "$*"; }
refuse() { say "install.sh: $*" >&2; exit 1; }
usage() { say "usage: sh ./install.sh [--dry-run] [--root DIR] [--pin-file FILE]" >&2; exit 2; }

while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry_run=yes ;;
    --root) [ $# -gt 1 ] || usage; root=$2; shift ;;
    --pin-file) [ $# -gt 1 ] || usage; pin_file=$2; shift ;;
    *) usage ;;
  esac
  shift
done
if [ -n "$pin_file" ]; then
  [ "$pkcs11" = yes ] || refuse "this bundle names no PKCS#11 token, so it takes no PIN"
  [ -r "$pin_file" ] || refuse "$pin_file cannot be read"
  pin_file=$(cd "$(dirname "$pin_file")" && pwd)/$(basename "$pin_file")
fi
[ -z "$root" ] || root=$(cd "$root" && pwd)
cd "$(dirname "$0")"

# The system.
[ "$(id -u)" = 0 ] || [ -n "$dry_run" ] || refuse "run it as root: sudo sh ./install.sh"
[ ! -d "$root/snap/azure-iot-edge" ] ||
  refuse "IoT Edge is a snap here, which keeps its files elsewhere; see the documentation of bundles"
distribution=unknown:0
if [ -r "$root/etc/os-release" ]; then
  # shellcheck disable=SC1091
  distribution=$(. "$root/etc/os-release" && printf '%s:%s' "\${ID-unknown}" "\${VERSION_ID-0}")
fi
case $distribution in
  @DROPPED@) refuse "IoT Edge $version does not run on $distribution any more" ;;
  debian:* | raspbian:* | ubuntu:* | rhel:* | mariner:* | azurelinux:*) ;;
  *) say "note: $distribution is no distribution that IoT Edge is tested on" ;;
esac
command -v iotedge >/dev/null || refuse "iotedge is not installed; install Azure IoT Edge $version first"
installed=$(iotedge --version | sed -n 's/^iotedge \\([0-9]*\\.[0-9]*\\).*/\\1/p')
case $installed in
  "$version") ;;
  1.*)
    [ "$version" != 1.1 ] || refuse "iotedge $installed reads config.toml; declare the group with a newer target"
    [ "\${installed#*.}" -gt "\${version#*.}" ] ||
      refuse "iotedge $installed is older than this bundle's target, $version"
    say "note: iotedge $installed is newer than this bundle's target, $version" ;;
  *) refuse "iotedge --version does not say a version that this script knows" ;;
esac
for user in @CERTIFICATE_OWNER@ @KEY_OWNER@; do
  id -u "$user" >/dev/null 2>&1 || refuse "there is no user $user; the packages of IoT Edge $version create it"
done

# The bundle.
need() {
  [ -f "$1" ] && return
  [ "$1" = "$own_key" ] || refuse "the bundle is incomplete: $1 is missing"
  # Put there by an earlier run, or by whoever made the key.
  [ -f "$root$2" ] || refuse "the device's own key is missing; put it at $1"
}
files need
if [ -n "$key_file" ] && [ ! -f "$root$key_file" ]; then
  refuse "the device's own key is missing; put it at $key_file"
fi
public_key() { openssl "$@" 2>/dev/null; }
check_key() {
  [ "$(public_key pkey -in "$1" -pubout)" = "$(public_key x509 -in @CHAIN@ -noout -pubkey)" ] ||
    refuse "the key in $1 is not the one that the certificate was issued to"
}
if command -v openssl >/dev/null; then
  for key in secrets/device-identity.key.pem "$root@DIRECTORY@/secrets/device-identity.key.pem" "$root$key_file"; do
    if [ -r "$key" ] && [ -f "$key" ]; then check_key "$key"; break; fi
  done
fi

# The files. What is replaced is kept; what is the same is left alone.
state=$root/var/backups/iotedge-bundle
backup=$state/$(date -u +%Y%m%dT%H%M%SZ)-$$
stage=''
broken_off() {
  status=$?
  [ -z "$stage" ] || rm -rf "$stage"
  { [ "$status" -eq 0 ] || [ "$status" -eq 3 ] || [ -z "$began" ]; } && exit "$status"
  say "install.sh: broken off; what was replaced is in $backup; mend the cause and run it again" >&2
  exit 4
}
trap broken_off EXIT
trap 'exit 4' HUP INT TERM

config_with_pin() {
  printf 's|"\\(pkcs11:[^"]*\\)"|"\\\\1?pin-value=%s"|\\n' \\
    "$(head -n 1 "$pin_file" | tr -d '\\r\\n' | od -An -v -tx1 | tr -d ' \\n' | sed 's/../%&/g')" >"$stage/pin.sed"
  sed -f "$stage/pin.sed" config.toml
}

place() {
  source=$1 to=$root$2
  [ -f "$source" ] || return 0
  if [ -n "$pin_file" ] && [ "$source" = config.toml ]; then
    stage=$(mktemp -d)
    config_with_pin >"$stage/config.toml"
    source=$stage/config.toml
  fi
  if cmp -s "$source" "$to"; then
    say "unchanged: $to"
  elif [ -n "$dry_run" ]; then
    [ ! -e "$to" ] || say "would keep: $to in $state"
    say "would write: $to ($3, $4)"
    changed=yes
  else
    # A run that is broken off from here on applies the configuration when it is run again.
    mkdir -p "$state"
    began=yes
    : >"$state/pending"
    if [ -e "$to" ]; then
      mkdir -p "$backup$(dirname "$2")"
      cp -p "$to" "$backup$2"
      say "kept: $backup$2"
    fi
    [ -d "$(dirname "$to")" ] || mkdir -p "$(dirname "$to")"
    rm -f "$to.new"
    cp "$source" "$to.new"
    chmod "$4" "$to.new"
    chown "$3:" "$to.new"
    mv -f "$to.new" "$to"
    say "written: $to ($3, $4)"
    changed=yes
  fi
  if [ -z "$dry_run" ]; then
    chown "$3:" "$to"
    chmod "$4" "$to"
  fi
}

if [ -z "$dry_run" ]; then
  for folder in certs secrets; do mkdir -p "$root@DIRECTORY@/$folder"; done
  chown @CERTIFICATE_OWNER@: "$root@DIRECTORY@/certs"
  chown @KEY_OWNER@: "$root@DIRECTORY@/secrets"
  chmod 755 "$root@DIRECTORY@" "$root@DIRECTORY@/certs"
  chmod 700 "$root@DIRECTORY@/secrets"
fi
files place

# The services.
[ ! -f "$state/pending" ] || changed=yes
if [ -z "$changed" ]; then
  say "nothing to apply"
elif [ -n "$dry_run" ]; then
  say "would run: @APPLY@"
else
  say "run: @APPLY@"
  began=yes
  @APPLY@
  rm -f "$state/pending"
fi
if [ -n "$dry_run" ]; then
  say "would run: iotedge check"
elif ! iotedge check; then
  say "install.sh: installed, but iotedge check found faults; see above" >&2
  exit 3
fi
`;
