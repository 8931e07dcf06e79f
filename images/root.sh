#!/bin/sh
# Makes the root file system of both images from the packages of a Debian or Ubuntu release: Python
# and what it needs, the public authorities and the time zones. There is no shell in it, no package
# manager, no file with the setuid bit. The same packages give the same bytes.
#
#   root.sh RELEASE SOURCES TARGET
#
# SOURCES is a file of apt sources, with the release's security suite; TARGET is a .tar to write.
# It needs mmdebstrap, and root.
set -eu

packages=base-files,ca-certificates,libpython3-stdlib,netbase,python3-minimal,tzdata
# They are dependencies only because packages are meant to be installed by scripts.
left_out='debconf dpkg libacl1 libmd0 libpcre2-8-0 libselinux1 mawk openssl tar'

remove_files() {
    dpkg-deb --fsys-tarfile "$1" | tar --list | while read -r file; do
        if [ -L "$file" ] || [ ! -d "$file" ]; then rm -f "$file"; fi
    done
}

# mmdebstrap calls it when the packages are unpacked.
finish() {
    cd "$1"
    mkdir -p var/lib/dpkg/status.d
    for archive in var/cache/apt/archives/*.deb; do
        name=$(dpkg-deb --field "$archive" Package)
        case " $left_out " in
            *" $name "*) remove_files "$archive" ;;
            # Scanners read the list of packages here, as in other images without dpkg.
            *) dpkg-deb --field "$archive" >"var/lib/dpkg/status.d/$name" ;;
        esac
    done
    find bin sbin usr/bin usr/sbin ! -type d ! -name 'python3*' -delete
    find usr/share/doc -type f ! -name copyright -delete
    rm -rf usr/share/man usr/share/locale usr/share/lintian usr/share/bash-completion \
        usr/share/perl5 etc/update-motd.d
    chmod u=rwx,go=rx,g-s var/local
    cat usr/share/ca-certificates/mozilla/*.crt >etc/ssl/certs/ca-certificates.crt
    echo 'root:x:0:0::/:/sbin/nologin' >etc/passwd
    echo 'nonroot:x:65532:65532::/:/sbin/nologin' >>etc/passwd
    printf 'root:x:0:\nnonroot:x:65532:\n' >etc/group
}

if [ "$1" = finish ]; then
    finish "$2"
    exit
fi

# What is left of the machine that the packages are unpacked on.
exclude='./dev/* ./etc/apt ./etc/apt/* ./etc/hostname ./etc/resolv.conf ./etc/fstab ./run/*
./var/cache/* ./var/lib/apt ./var/lib/apt/* ./var/log/*'
export SOURCE_DATE_EPOCH=1
work=$(mktemp -d "$3.XXXXXX")
trap 'rm -rf "$work"' EXIT
mmdebstrap --quiet --mode=root --variant=extract --include="$packages" \
    --extract-hook="sh '$(realpath "$0")' finish \"\$1\"" "$1" "$work/whole.tar" "$2"
mkdir "$work/root"
# A container may not make devices.
tar --extract --file "$work/whole.tar" --directory "$work/root" --numeric-owner --exclude='./dev/*'
set -f
# shellcheck disable=SC2086  # each pattern is a word
tar --create --file "$work/root.tar" --directory "$work/root" --numeric-owner --sort=name \
    --mtime=@1 --format=gnu $(printf -- '--exclude=%s ' $exclude) .
mv "$work/root.tar" "$3"
