#!/bin/sh
# Installs this bundle on a device with Azure IoT Edge. It can be run again at any time.
#   sh ./install.sh [--dry-run] [--root DIR] [--pin-file FILE | --no-pin]
#   --dry-run        print what would be done and change nothing
#   --root DIR       install below DIR, such as the mounted image of a device; nothing outside DIR is changed or run
#   --pin-file FILE  the PIN of the PKCS#11 token, on one line; without it, the PIN of an earlier run stays
#   --no-pin         the token has no PIN any more
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
# The same of the Edge CA, where the bundle has one.
edge_ca_chain=''
edge_ca_key=''
# If the device made the key: the path in the bundle where a technician puts it, or its file on the device.
own_key=''
key_file=''
# "yes" where the key is in a PKCS#11 token.
pkcs11='no'
config='/etc/aziot/config.toml'
# One file per line: path in the bundle, path on the device, owner, mode. The configuration is last, so that it never
# names a file that is not there yet.
files='
certs/device-identity.full-chain.pem /var/aziot/certs/device-identity.full-chain.pem aziotcs 644
secrets/device-identity.key.pem /var/aziot/secrets/device-identity.key.pem aziotks 600
config.toml /etc/aziot/config.toml root 600
'
# --- End of the values.

os_release=/etc/os-release
passwords=/etc/passwd
snap=/snap/azure-iot-edge
state=/var/backups/iotedge-bundle

dry_run='' root='' pin_file='' no_pin='' changed='' began=''

say() { printf '%s\n' "$*"; }
refuse() { say "install.sh: $*" >&2; exit 1; }
usage() { say "usage: sh ./install.sh [--dry-run] [--root DIR] [--pin-file FILE | --no-pin]" >&2; exit 2; }

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
    --no-pin) no_pin=yes ;;
    *) usage ;;
  esac
  shift
done
[ -z "$pin_file" ] || [ -z "$no_pin" ] || usage
if [ -n "$pin_file$no_pin" ]; then
  [ "$pkcs11" = yes ] || refuse "this bundle names no PKCS#11 token, so it takes no PIN"
fi
if [ -n "$pin_file" ]; then
  [ -r "$pin_file" ] || refuse "$pin_file cannot be read"
  pin_file=$(cd "$(dirname "$pin_file")" && pwd)/$(basename "$pin_file")
fi
if [ -n "$root" ]; then
  [ -d "$root" ] || refuse "there is no directory $root"
  root=$(cd "$root" && pwd -P)
  [ "$root" != / ] || root=''
fi
cd "$(dirname "$0")"

# Check the system.
[ "$(id -u)" = 0 ] || [ -n "$dry_run" ] || refuse "run it as root: sudo sh ./install.sh"
[ ! -d "$root$snap" ] ||
  refuse "IoT Edge is installed as a snap, which keeps its files elsewhere; install its files by hand"
# The value of a member of /etc/os-release. The file is read and not run: it can be that of a foreign image.
release() {
  [ -r "$root$os_release" ] || return 0
  sed -n "s/^$1=//p" "$root$os_release" | head -n 1 | tr -d "\"'"
}
distribution=$(release ID)
version_id=$(release VERSION_ID)
distribution=${distribution:-unknown}:${version_id:-0}
case " $dropped_distributions " in
  *" $distribution "*) refuse "IoT Edge $version does not run on $distribution any more" ;;
esac
case $distribution in
  debian:* | raspbian:* | ubuntu:* | rhel:* | mariner:* | azurelinux:*) ;;
  *) say "note: $distribution is not a distribution that IoT Edge is tested on" ;;
esac
check_release() {
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
}
if [ -z "$root" ]; then
  check_release
else
  say "note: nothing in $root is run, so it is not checked that IoT Edge $version is there"
fi

# Prints the owner of a file as chown takes it. An image has its own numbers for the users of its packages.
owner() {
  if [ -z "$root" ]; then
    say "$1:"
  elif [ "$1" = root ]; then
    say 0:0
  else
    sed -n "s/^$1:[^:]*:\([0-9]*:[0-9]*\):.*/\1/p" "$root$passwords" 2>/dev/null | head -n 1
  fi
}
has_user() { if [ -z "$root" ]; then id -u "$1" >/dev/null 2>&1; else [ -n "$(owner "$1")" ]; fi; }
for user in "$certificate_owner" "$key_owner"; do
  has_user "$user" || refuse "there is no user $user; the packages of IoT Edge $version create it"
done

# Refuses a place that a symbolic link moves out of --root.
check_inside() {
  [ -n "$root" ] || return 0
  at=$root$2
  [ ! -L "$at" ] || refuse "$at is a symbolic link; replace it by what it names"
  while [ ! -d "$at" ]; do
    [ ! -L "$at" ] || refuse "$at leads out of $root"
    at=$(dirname "$at")
  done
  case $(cd "$at" && pwd -P)/ in
    "$root"/*) ;;
    *) refuse "$at leads out of $root" ;;
  esac
}
for_each_file check_inside
check_inside '' "$state/pending"
check_inside '' "$directory/certs/."
check_inside '' "$directory/secrets/."

# Check the bundle.
need() {
  [ -s "$1" ] && return
  [ ! -e "$1" ] || refuse "the bundle is damaged: $1 is empty"
  [ "$1" = "$own_key" ] || refuse "the bundle is incomplete: $1 is missing"
  # An earlier run may have put the key on the device, or the device keeps it there by itself.
  [ -f "$root$2" ] || refuse "the device's own key is missing; put it at $1"
}
for_each_file need
if [ -n "$key_file" ] && [ ! -f "$root$key_file" ]; then
  refuse "the device's own key is missing; put it at $key_file"
fi

# Refuses a key that is not the one of its certificate. An encrypted key is not asked for its passphrase.
check_pair() {
  certified=$(openssl x509 -in "$1" -noout -pubkey 2>/dev/null) || certified=''
  [ -n "$certified" ] || refuse "$1 is not a certificate in PEM"
  public=$(openssl pkey -in "$2" -passin pass: -pubout 2>/dev/null) || public=''
  [ -n "$public" ] || refuse "$2 is not an unencrypted private key in PEM"
  [ "$public" = "$certified" ] || refuse "the key in $2 is not the one that the certificate was issued to"
}
if command -v openssl >/dev/null; then
  for key in "$identity_key" "$root$directory/$identity_key" "$root$key_file"; do
    if [ -r "$key" ] && [ -f "$key" ]; then check_pair "$identity_chain" "$key"; break; fi
  done
  [ -z "$edge_ca_key" ] || check_pair "$edge_ca_chain" "$edge_ca_key"
else
  say "note: openssl is not installed, so it is not checked that each key belongs to its certificate"
fi

# A key that stays where it is has to be open to the key service.
if [ -n "$key_file" ]; then
  if [ -n "$root" ] || [ "$(id -u)" != 0 ] || ! command -v runuser >/dev/null; then
    say "note: it is not checked that $key_owner can read $key_file"
  else
    runuser -u "$key_owner" -- test -r "$key_file" ||
      refuse "$key_owner cannot read $key_file; make it readable: chown $key_owner $key_file"
  fi
fi

# IoT Edge 1.1 compares the machine's name with the one in its configuration.
if [ "$version" = 1.1 ] && [ -z "$root" ]; then
  machine=$(hostname 2>/dev/null) || machine=''
  name=$(sed -n 's/^hostname: "\(.*\)"$/\1/p' config.yaml)
  case $name in
    "$machine" | "$machine".*) ;;
    *) say "note: this machine is named \"$machine\"; iotedge check finds a fault until it is \"${name%%.*}\" or \"$name\"" ;;
  esac
fi

# The PIN, percent-encoded (RFC 7512): the one that is given, or the one that an earlier run has written.
pin=''
if [ -n "$pin_file" ]; then
  pin=$(head -n 1 "$pin_file" | tr -d '\r\n' | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g')
  [ -n "$pin" ] || refuse "$pin_file has no PIN on its first line; a token without a PIN needs --no-pin"
elif [ "$pkcs11" = yes ] && [ -z "$no_pin" ] && [ -r "$root$config" ]; then
  pin=$(sed -n 's/.*"pkcs11:[^"]*[?&]pin-value=\([^"&]*\).*/\1/p' "$root$config" | sort -u)
  [ "$(say "$pin" | wc -l)" -eq 1 ] || refuse "$root$config has several PINs; say with --pin-file which one is right"
  [ -z "$pin" ] || say "note: the PIN in $root$config stays"
fi

# Prints what a file of the bundle is on the device: the configuration gets the PIN in each pkcs11: URI. No command has the PIN
# among its arguments, where other users could read it.
content() {
  if [ -n "$pin" ] && [ "$1" = config.toml ]; then
    escaped=$(say "$pin" | sed 's/[&|\\]/\\&/g')
    say "s|\"\(pkcs11:[^\"]*\)\"|\"\\1?pin-value=$escaped\"|" | sed -f /dev/stdin config.toml
  else
    cat "$1"
  fi
}

# Install the files. A file that is replaced is kept; one that is the same is left alone.
state=$root$state
backup=$state/$(date -u +%Y%m%dT%H%M%SZ)-$$
broken_off() {
  status=$?
  { [ "$status" -eq 0 ] || [ "$status" -eq 3 ] || [ -z "$began" ]; } && exit "$status"
  say "install.sh: broken off; what was replaced is in $backup; fix the cause and run it again" >&2
  exit 4
}
trap broken_off EXIT
trap 'exit 4' HUP INT TERM

# Makes a directory for everybody, as the packages have it. Those above it that are missing are made alike.
make_directory() { (umask 022 && mkdir -p "$1"); }

place() {
  source=$1 to=$root$2
  [ -f "$source" ] || return 0
  if content "$source" | cmp -s - "$to"; then
    say "unchanged: $to"
  elif [ -n "$dry_run" ]; then
    [ ! -e "$to" ] || say "would keep: $to in $state"
    say "would write: $to ($3, $4)"
    changed=yes
  else
    # If the run is broken off from here on, the next run applies the configuration.
    make_directory "$(dirname "$state")"
    mkdir -p "$state"
    began=yes
    : >"$state/pending"
    if [ -e "$to" ]; then
      mkdir -p "$backup$(dirname "$2")"
      cp -p "$to" "$backup$2"
      say "kept: $backup$2"
    fi
    make_directory "$(dirname "$to")"
    rm -f "$to.new"
    content "$source" >"$to.new"
    chmod "$4" "$to.new"
    chown "$(owner "$3")" "$to.new"
    mv -f "$to.new" "$to"
    say "written: $to ($3, $4)"
    changed=yes
  fi
  if [ -z "$dry_run" ]; then
    chown "$(owner "$3")" "$to"
    chmod "$4" "$to"
  fi
}

if [ -z "$dry_run" ]; then
  make_directory "$root$directory"
  for folder in certs secrets; do mkdir -p "$root$directory/$folder"; done
  chown "$(owner "$certificate_owner")" "$root$directory/certs"
  chown "$(owner "$key_owner")" "$root$directory/secrets"
  chmod 755 "$root$directory" "$root$directory/certs"
  chmod 700 "$root$directory/secrets"
fi
for_each_file place

# Apply the configuration and check the result.
[ ! -f "$state/pending" ] || changed=yes
if [ -n "$root" ]; then
  [ -z "$changed" ] || say "run on the device: $apply"
  exit 0
fi
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
