#!/bin/sh
# build.sh PYTHON FOLDER: a Debian package of the wheel in FOLDER, beside it. For the release and the processor it is built
# on: it runs with that Debian's own Python. PYTHON is that of the environment in which the tests ran.
set -eu
python=$1
target=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
wheel=$(ls "$target"/rollcall_sync-*.whl)
release=$(. /etc/os-release && echo "$ID$VERSION_ID" | sed s/debian/deb/)
version=$("$python" -c 'import sys; print(sys.argv[1].split("-")[1])' "$(basename "$wheel")")+$release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

"$python" "$here/environment.py" "$root/requirements/production.txt" "$wheel" "$work"
"$python" "$root/deploy/dist/trim.py" "$work/opt/rollcall/lib"

install -D -m 0755 "$here/rollcall" "$work/usr/bin/rollcall"
install -d "$work/usr/lib/systemd/system" "$work/etc/rollcall" "$work/usr/share/doc/rollcall" \
  "$work/usr/share/rollcall" "$work/usr/share/lintian/overrides"
install -m 0644 "$root"/deploy/systemd/* "$work/usr/lib/systemd/system/"
# Every setting with its default, but as a comment: what is not changed here follows the next version.
{
  sed '/^$/Q' "$here/rollcall.env"
  sed -n '/^# ---/,$p' "$root/deploy/env.example" | sed -E 's/^(ROLLCALL_)/#\1/'
} > "$work/etc/rollcall/rollcall.env"
# For those who run each service by itself (docs/install.md).
cp -R "$root/deploy/secrets.sh" "$root/deploy/broker" "$work/usr/share/rollcall/"
install -m 0644 "$here/lintian-overrides" "$work/usr/share/lintian/overrides/rollcall"
{ cat "$here/copyright"; echo; "$python" "$root/deploy/dist/licences.py" "$root/requirements/production.txt"; } \
  > "$work/usr/share/doc/rollcall/copyright"
maintainer="The Rollcall authors <${DEBEMAIL:-root@localhost}>"
gzip -9n < "$root/CHANGELOG.md" > "$work/usr/share/doc/rollcall/NEWS.gz"
gzip -9n > "$work/usr/share/doc/rollcall/changelog.gz" <<END
rollcall ($version) stable; urgency=medium

  * What changed for you is in NEWS.gz.

 -- $maintainer  $(date -R)
END

chmod -R u=rwX,go=rX "$work"
find "$work/opt/rollcall/lib" -name '*.so*' -type f -exec chmod a-x {} +
interpreter=$(ls "$work/opt/rollcall/lib")
size=$(du -sk --exclude=DEBIAN "$work" | cut -f 1)
install -d -m 0755 "$work/DEBIAN"
(cd "$work" && find etc opt usr -type f -exec md5sum {} + > DEBIAN/md5sums)
for script in postinst prerm postrm; do install -m 0755 "$here/$script" "$work/DEBIAN/$script"; done
install -m 0644 "$here/templates" "$work/DEBIAN/templates"
echo /etc/rollcall/rollcall.env > "$work/DEBIAN/conffiles"
sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$(dpkg --print-architecture)|" -e "s|@SIZE@|$size|" \
  -e "s|@PYTHON@|$interpreter|" -e "s|@MAINTAINER@|$maintainer|" "$here/control" > "$work/DEBIAN/control"
chmod 0644 "$work/DEBIAN/control" "$work/DEBIAN/conffiles" "$work/DEBIAN/md5sums"
rm -f "$target"/rollcall_*.deb
# DEB_COMPRESSION: what dpkg-deb takes; -Zgzip -z1 where nobody downloads it.
dpkg-deb --root-owner-group ${DEB_COMPRESSION:--Zxz} --build "$work" \
  "$target/rollcall_${version}_$(dpkg --print-architecture).deb" > /dev/null
