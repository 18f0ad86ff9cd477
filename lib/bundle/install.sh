#!/bin/sh
# Installs this bundle on a device with Azure IoT Edge. It can be run again at any time.
#   sh ./install.sh [--dry-run] [--root DIR] [--pin-file FILE]
#   --dry-run        print what would be done and change nothing
#   --root DIR       a prefix for every path that is read or written
#   --pin-file FILE  the PIN of the PKCS#11 token, on one line
# Exit codes: 0 done, 1 refused and nothing changed, 2 usage, 3 installed but iotedge check found faults, 4 broken off.
set -eu
umask 077

# --- Values of the enrollment group. The ones in the repository are those of a default group.
# Release of IoT Edge that the bundle is made for, and distributions that it no longer runs on.
version='1.6'
dropped_distributions='debian:11 mariner:2.0'
# The directory and the owners of the files of this release, and the command that makes it read its configuration.
directory='/var/aziot'
certificate_owner='aziotcs'
key_owner='aziotks'
apply='iotedge config apply'
# The identity certificate with its issuers, and its key, as paths in the bundle and below the directory.
identity_chain='certs/device-identity.full-chain.pem'
identity_key='secrets/device-identity.key.pem'
# If the device made the key: the path in the bundle where a technician puts it, or its file on the device.
own_key=''
key_file=''
# "yes" where the key is in a PKCS#11 token.
pkcs11='no'
# One file per line: path in the bundle, path on the device, owner, mode. The configuration is last, so that it never
# names a file that is not there yet.
files='
certs/device-identity.full-chain.pem /var/aziot/certs/device-identity.full-chain.pem aziotcs 644
secrets/device-identity.key.pem /var/aziot/secrets/device-identity.key.pem aziotks 600
config.toml /etc/aziot/config.toml root 600
'
# --- End of the values.

dry_run='' root='' pin_file='' changed='' began=''

say() { printf '%s\n' "$*"; }
refuse() { say "install.sh: $*" >&2; exit 1; }
usage() { say "usage: sh ./install.sh [--dry-run] [--root DIR] [--pin-file FILE]" >&2; exit 2; }

# Calls a function with the four words of each file.
for_each_file() {
  function=$1
  # shellcheck disable=SC2086
  set -- $files
  while [ $# -gt 0 ]; do
    "$function" "$1" "$2" "$3" "$4"
    shift 4
  done
}

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

# Check the system.
[ "$(id -u)" = 0 ] || [ -n "$dry_run" ] || refuse "run it as root: sudo sh ./install.sh"
[ ! -d "$root/snap/azure-iot-edge" ] ||
  refuse "IoT Edge is installed as a snap, which keeps its files elsewhere; install its files by hand"
distribution=unknown:0
if [ -r "$root/etc/os-release" ]; then
  # shellcheck disable=SC1091
  distribution=$(. "$root/etc/os-release" && printf '%s:%s' "${ID-unknown}" "${VERSION_ID-0}")
fi
case " $dropped_distributions " in
  *" $distribution "*) refuse "IoT Edge $version does not run on $distribution any more" ;;
esac
case $distribution in
  debian:* | raspbian:* | ubuntu:* | rhel:* | mariner:* | azurelinux:*) ;;
  *) say "note: $distribution is not a distribution that IoT Edge is tested on" ;;
esac
command -v iotedge >/dev/null || refuse "iotedge is not installed; install Azure IoT Edge $version first"
installed=$(iotedge --version | sed -n 's/^iotedge \([0-9]*\.[0-9]*\).*/\1/p')
case $installed in
  "$version") ;;
  1.*)
    [ "$version" != 1.1 ] || refuse "iotedge $installed reads config.toml; declare the group with a newer target"
    [ "${installed#*.}" -gt "${version#*.}" ] ||
      refuse "iotedge $installed is older than this bundle's target, $version"
    say "note: iotedge $installed is newer than this bundle's target, $version" ;;
  *) refuse "iotedge --version does not say a version that this script knows" ;;
esac
for user in "$certificate_owner" "$key_owner"; do
  id -u "$user" >/dev/null 2>&1 || refuse "there is no user $user; the packages of IoT Edge $version create it"
done

# Check the bundle.
need() {
  [ -f "$1" ] && return
  [ "$1" = "$own_key" ] || refuse "the bundle is incomplete: $1 is missing"
  # An earlier run may have put the key on the device, or the device keeps it there by itself.
  [ -f "$root$2" ] || refuse "the device's own key is missing; put it at $1"
}
for_each_file need
if [ -n "$key_file" ] && [ ! -f "$root$key_file" ]; then
  refuse "the device's own key is missing; put it at $key_file"
fi
public_key() { openssl "$@" 2>/dev/null; }
check_key() {
  [ "$(public_key pkey -in "$1" -pubout)" = "$(public_key x509 -in "$identity_chain" -noout -pubkey)" ] ||
    refuse "the key in $1 is not the one that the certificate was issued to"
}
if command -v openssl >/dev/null; then
  for key in "$identity_key" "$root$directory/$identity_key" "$root$key_file"; do
    if [ -r "$key" ] && [ -f "$key" ]; then check_key "$key"; break; fi
  done
fi

# Install the files. A file that is replaced is kept; one that is the same is left alone.
state=$root/var/backups/iotedge-bundle
backup=$state/$(date -u +%Y%m%dT%H%M%SZ)-$$
stage=''
broken_off() {
  status=$?
  [ -z "$stage" ] || rm -rf "$stage"
  { [ "$status" -eq 0 ] || [ "$status" -eq 3 ] || [ -z "$began" ]; } && exit "$status"
  say "install.sh: broken off; what was replaced is in $backup; fix the cause and run it again" >&2
  exit 4
}
trap broken_off EXIT
trap 'exit 4' HUP INT TERM

# Prints config.toml with the PIN in each pkcs11: URI, percent-encoded (RFC 7512).
config_with_pin() {
  printf 's|"\(pkcs11:[^"]*\)"|"\\1?pin-value=%s"|\n' \
    "$(head -n 1 "$pin_file" | tr -d '\r\n' | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g')" >"$stage/pin.sed"
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
    # If the run is broken off from here on, the next run applies the configuration.
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
  for folder in certs secrets; do mkdir -p "$root$directory/$folder"; done
  chown "$certificate_owner:" "$root$directory/certs"
  chown "$key_owner:" "$root$directory/secrets"
  chmod 755 "$root$directory" "$root$directory/certs"
  chmod 700 "$root$directory/secrets"
fi
for_each_file place

# Apply the configuration and check the result.
[ ! -f "$state/pending" ] || changed=yes
if [ -z "$changed" ]; then
  say "nothing to apply"
elif [ -n "$dry_run" ]; then
  say "would run: $apply"
else
  say "run: $apply"
  began=yes
  $apply
  rm -f "$state/pending"
fi
if [ -n "$dry_run" ]; then
  say "would run: iotedge check"
elif ! iotedge check; then
  say "install.sh: installed, but iotedge check found faults; see above" >&2
  exit 3
fi
